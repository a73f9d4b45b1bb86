//! What is said between the decision and those who carry it out.

use jiff::Timestamp;

use crate::state::{Failure, Image, Release, State, Wish};

/// Something that happened: a message, or what an order was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An image was pushed.
    Pushed(Wish),
    /// Somebody asked for an image by hand.
    Asked(Wish),
    /// migrate ended, having been invoked for this digest.
    Migrated {
        /// The digest.
        digest: String,
        /// How many migrations it applied, or the end of its output.
        result: Result<usize, String>,
    },
    /// The platform says that something ended.
    ServiceChanged {
        /// In its words.
        what: String,
        /// When.
        at: Timestamp,
    },
    /// Look how things stand.
    Look,
    /// Lambda has taken the order for migrate's image.
    MigrateUpdated,
    /// Lambda has taken the invocation.
    MigrateInvoked,
    /// The platform has taken the order, under this name.
    Rolled(String),
    /// The order can't be taken at this moment.
    NotNow(String),
    /// The order will never be taken.
    Refused(String),
}

/// What was seen before the decision: only what the phase asks for, and only for a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// Nothing was looked at.
    Nothing,
    /// The migrate function.
    Migrate(MigrateFunction),
    /// The web service.
    Service(Service),
}

/// The migrate function, as Lambda describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrateFunction {
    /// The digest of its image.
    pub digest: Option<String>,
    /// Whether it can be invoked.
    pub readiness: Readiness,
}

/// Whether a function can be invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// Active, its last update successful.
    Ready,
    /// Inactive after a long rest; an update wakes it.
    Asleep,
    /// On the way to another state, which Lambda names.
    Busy(String),
    /// Its last update failed.
    Failed(String),
}

/// The web service, as its platform describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// It would take an order now.
    Ready,
    /// It is paused.
    Paused,
    /// It is busy with another operation than this release's.
    Busy,
    /// It has this release's order already, under this name.
    Ordered(String),
    /// How the order of the state is going.
    Order(Progress),
    /// It takes no order, now or later.
    Broken(String),
    /// There is none: something outside the stack serves the site.
    Absent,
}

/// How an order is going.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Not ended.
    UnderWay,
    /// The new version serves.
    Succeeded,
    /// The old version serves.
    Failed(String),
}

/// What is decided.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// How things stand then.
    pub state: State,
    /// What others are told, before the state is saved.
    pub tell: Vec<Tell>,
    /// What the log says.
    pub notes: Vec<Note>,
    /// What follows, after the state is saved.
    pub then: Then,
}

/// What others are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tell {
    /// The image serves.
    Deployed(Release),
    /// It does not; the whole reason.
    Failed(Release, Failure, String),
    /// The image has to wait until somebody resumes the service.
    Paused(Release),
}

/// What the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A release begins.
    Begins(Release),
    /// It got to a phase.
    Reached(Release),
    /// An image will not be released, as another is wanted since.
    Superseded(Image, Image),
    /// What happened changes nothing.
    Ignored(String),
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Nothing: the next event goes on.
    Done,
    /// The message goes back to the queue for a moment.
    Again,
    /// Another look, at once.
    Look,
    /// An order, whose answer is the next event.
    Order(Order),
}

/// What somebody is asked to do. Each may be repeated without harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Give migrate the image.
    UpdateMigrate(Image),
    /// Run migrate.
    InvokeMigrate(Image),
    /// Give the web service the image.
    Roll(Image),
}
