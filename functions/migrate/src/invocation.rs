//! One invocation, as far as the work needs to know it.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// Time after [`Invocation::stop_at`] at which the work itself is cut off. Its commands are asked to end before.
const CUT_OFF_DELAY: Duration = Duration::from_secs(12);

/// One invocation of the function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The invocation's id. The history records it, and a run that waits for this one reports it.
    pub id: String,
    /// The image that is being deployed, where it is known.
    pub image: Option<String>,
    /// True to capture the changes of Django's migrations as events; without it the configuration decides.
    pub capture: Option<bool>,
    /// True for CloudFormation's `Update`, which also rolls back a failed deployment.
    pub is_stack_update: bool,
    /// The time at which the work has to be over.
    pub stop_at: Instant,
}

/// The work took longer than the function has.
#[derive(Debug, thiserror::Error)]
#[error("the work did not end in the function's time")]
pub struct OutOfTime;

impl Invocation {
    /// Does the work, and cuts it off shortly after `stop_at`. Only work that waits for an answer which never comes takes that long.
    pub(crate) async fn in_time<T, E: From<OutOfTime>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        timeout_at(self.stop_at + CUT_OFF_DELAY, work)
            .await
            .unwrap_or_else(|_elapsed| Err(OutOfTime.into()))
    }
}
