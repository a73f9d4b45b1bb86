//! An editor: an HTTP client of the real Wagtail admin.
//!
//! Every method is what a click sends: it reads the form that the admin renders, changes some fields and posts it back
//! with its CSRF token. Nothing here touches the database or Wagtail's Python API, so what an end-to-end test
//! observes is what an editor causes.

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
pub use pages::{Action, Copy};
pub use session::Admin;
