//! The reasons for which the demo ends.

use std::io;

use testing::receiver::NotReceived;

use crate::admin::AdminError;
use crate::own_site::{OwnSiteError, ShellError};
use crate::stack::{StackError, StartError};
use crate::timeline::TimelineError;

/// The demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The value of `DOORBELL` is unknown.
    #[error(transparent)]
    Doorbell(#[from] UnknownDoorbell),
    /// The user's own site cannot be used.
    #[error(transparent)]
    OwnSite(#[from] OwnSiteError),
    /// The watched models could not be read.
    #[error("reading which models are watched")]
    Watched(#[source] sqlx::Error),
    /// The front page of the user's own site could not be published.
    #[error("publishing the front page again")]
    Publish(#[source] ShellError),
    /// The stack did not start.
    #[error("starting the local stack")]
    Start(#[from] StartError),
    /// The log-in to the admin failed.
    #[error("opening the Wagtail admin")]
    Login(#[from] StackError),
    /// The admin refused a request.
    #[error("editing in the Wagtail admin")]
    Admin(#[from] AdminError),
    /// The webhook did not arrive.
    #[error("following the published page")]
    NotReceived(#[from] NotReceived),
    /// The webhook arrived with a signature that is not valid.
    #[error("the webhook arrived, but its signature does not verify: {0}")]
    Signature(String),
    /// The event could not be looked up.
    #[error("measuring the timeline")]
    Timeline(#[from] TimelineError),
    /// The page of the demo could not be served.
    #[error("serving the page of events")]
    Page(#[source] io::Error),
    /// The file for `make history` and `make subscriber-test` could not be written.
    #[error("writing .local/demo.env")]
    DemoFile(#[source] io::Error),
}

/// The demo does not support this value of `DOORBELL`.
#[derive(Debug, thiserror::Error)]
#[error("DOORBELL={0}: the demo supports Logs, and the default is a call of Lambda")]
pub struct UnknownDoorbell(pub(super) String);
