//! The primary keys in the addresses of the admin, with a type for each kind of object.

use std::fmt;

macro_rules! id {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

id!(
    /// The key of a page of any type.
    PageId
);

id!(
    /// The key of an image.
    ImageId
);

id!(
    /// The key of a document.
    DocumentId
);

id!(
    /// The key of a snippet. The model is a separate argument.
    SnippetId
);

id!(
    /// The key of a revision of a page.
    RevisionId
);

impl PageId {
    /// The root page of Wagtail, which is the parent of every site's front page.
    pub const ROOT: Self = Self(1);
}

/// Returns the first key in an address that has `before` directly before it and `after` directly after it.
pub(super) fn key_in(address: &str, before: &str, after: &str) -> Option<i64> {
    address.match_indices(before).find_map(|(start, _)| {
        let rest = &address[start + before.len()..];
        rest.split_once(after)?.0.parse().ok()
    })
}
