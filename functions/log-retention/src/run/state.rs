//! The state of a run, which every step reads and adds to.

use std::error::Error;

use jiff::Timestamp;
use wagrun_lambda::telemetry::chain;

use crate::answer::Answer;
use crate::cloudwatch_logs::CloudWatchLogs;
use crate::config::Config;
use crate::rate_limit::CallError;
use crate::request::Options;
use crate::writers::Writers;

/// The state of a run.
pub struct RunState<'a> {
    /// The function's configuration.
    pub config: &'a Config,
    /// The options of the request.
    pub options: Options,
    /// The time at which the run began.
    pub now: Timestamp,
    /// The client for CloudWatch Logs.
    pub logs: CloudWatchLogs,
    /// The writers that were asked for so far.
    pub writers: Writers<'a>,
    /// The results so far.
    pub answer: Answer,
    /// The failures so far.
    pub failures: Failures,
}

/// The failures of a run.
#[derive(Debug, Default)]
pub struct Failures {
    /// The number of failures.
    pub count: usize,
    /// The first failure, with the log group, prefix or tag that it concerns.
    pub first: Option<(String, Box<dyn Error + Send + Sync>)>,
}

/// The time of a run is over.
pub struct OutOfTime;

impl RunState<'_> {
    /// Records a failed call, so that the run continues with the next log group.
    ///
    /// A log group that was deleted in the meantime is not a failure, because nothing is left to do.
    pub fn record(&mut self, subject: &str, error: CallError) -> Result<(), OutOfTime> {
        match error {
            CallError::OutOfTime => return Err(OutOfTime),
            CallError::NotFound(_) => {}
            CallError::Failed { .. } => self.failures.push(subject, error.into()),
        }
        Ok(())
    }
}

impl Failures {
    /// Logs and counts a failure. The error of the run repeats the first.
    pub fn push(&mut self, subject: &str, error: Box<dyn Error + Send + Sync>) {
        tracing::warn!(
            log_group = subject,
            error = chain(error.as_ref()),
            "log group failed"
        );
        self.count += 1;
        self.first
            .get_or_insert_with(|| (subject.to_owned(), error));
    }
}
