//! The subscriber directory: one object of the bucket that holds the parameter of every subscriber, so that one read finds all.
//!
//! Parameter Store hands out ten parameters at a time, forty times a second. Every new copy of fan-out and deliver would need all
//! of them. So the function subscriber-directory reads them once, judges them, and writes the [`Directory`]. The others read that
//! with `If-None-Match`.
//!
//! # Order
//! - The object is replaced only by a writer that read it before it read Parameter Store (`If-Match`). Another writer in between
//!   makes the replacement fail, and the writer begins anew. **So no older reading replaces a newer one.**
//! - `as_of` is the time at which the last listing of *all* parameters began. The directory has every change before it. A single
//!   change is entered as soon as Parameter Store reports it, and leaves `as_of` as it is.
//!
//! # A directory that cannot be used
//! There is none yet, it cannot be read, it is damaged, it has another format, or `as_of` is more than [`MAX_AGE`] ago. Then
//! fan-out reads all parameters itself, and deliver the one that it needs. Nothing is decided by it meanwhile.

mod cache;
mod compile;
mod document;
mod object;

pub use cache::{DirectoryCache, DirectoryFault, Known, MAX_AGE};
pub use compile::{Reading, compile};
pub use document::{DecodeError, Directory, Entry, InForce};
pub use object::{DirectoryObject, ETag, KEY, Read, ReadError, Replaced, WriteError};

#[cfg(test)]
mod tests;
