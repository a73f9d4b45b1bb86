//! An HTTP client of the Wagtail admin, which does what an editor does in a browser.
//!
//! A method sends the requests of one click. It reads the form that the admin renders, changes some fields, and posts the form
//! with its CSRF token. It uses neither the database nor the Python API of Wagtail. So an end-to-end test observes exactly the
//! effects of an editor.

mod bulk;
mod error;
mod fields;
mod files;
mod html;
mod ids;
mod pages;
mod snippets;

mod session;

pub use error::AdminError;
pub use fields::{Block, Fields};
pub use ids::{DocumentId, ImageId, PageId, RevisionId, SnippetId};
pub use pages::{Action, CopyOptions};
pub use session::Admin;
