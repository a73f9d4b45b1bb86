//! Primary keys as the admin's addresses carry them, one type for each kind of object.

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
    /// A page of any type.
    PageId
);

id!(
    /// An image.
    ImageId
);

id!(
    /// A document.
    DocumentId
);

id!(
    /// A snippet; its model is the method's own argument or name.
    SnippetId
);

id!(
    /// A revision of a page.
    RevisionId
);

impl PageId {
    /// Wagtail's own root, the parent of every site's front page.
    pub const ROOT: Self = Self(1);
}

/// Returns the key in an address, between the first `before` and the `after` that follows the key at once.
pub(super) fn key_in(address: &str, before: &str, after: &str) -> Option<i64> {
    address.match_indices(before).find_map(|(start, _)| {
        let rest = &address[start + before.len()..];
        rest.split_once(after)?.0.parse().ok()
    })
}
