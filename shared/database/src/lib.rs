//! The site's database as wagrun uses it: the connection, the schema `wagrun` with its migrations, and the outbox.
//!
//! All SQL of the functions is in this crate.

pub mod connection;
mod object_kind;
pub mod outbox;
pub mod schema;

pub use object_kind::ObjectKind;
