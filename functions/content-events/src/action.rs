//! The kinds of changes.

/// The kind of a change, which is the last part of an event's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The object is new. The public does not see it yet, if it is a page.
    Created,
    /// Something else of the object changed.
    Updated,
    /// The public can see the page now, or a newer revision of it.
    Published,
    /// The public no longer sees the page.
    Unpublished,
    /// The address of a page that the public sees changed.
    Moved,
    /// The object was deleted.
    Deleted,
    /// The object did not change. An operator asked for its present state.
    Snapshot,
}

impl Action {
    const ALL: [Self; 7] = [
        Self::Created,
        Self::Updated,
        Self::Published,
        Self::Unpublished,
        Self::Moved,
        Self::Deleted,
        Self::Snapshot,
    ];

    /// Returns the last part of an event's type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Published => "published",
            Self::Unpublished => "unpublished",
            Self::Moved => "moved",
            Self::Deleted => "deleted",
            Self::Snapshot => "snapshot",
        }
    }

    /// Returns the action of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}
