//! Calls an operation no more often than its quota allows, and again when AWS says "later".

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;

/// What is waited before another try. Only this run calls, one call after another, so that there is nobody to make room for
/// by chance.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];
/// What CloudWatch Logs answers when another try may succeed, besides everything that is its own fault (5xx).
const TEMPORARY: [&str; 5] = [
    "OperationAbortedException",
    "RequestLimitExceeded",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
];

/// A call without a result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The run's time is over; the next run goes on.
    #[error("the time is over")]
    OutOfTime,
    /// What it was about is no longer there.
    #[error("{0}: not found")]
    Gone(&'static str),
    /// It failed for good, or six times.
    #[error("{operation} failed")]
    Failed {
        /// The operation, as AWS names it.
        operation: &'static str,
        /// What came back.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Where time comes from, and when a run has to end.
#[derive(Debug, Clone)]
pub struct Clock {
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
    stop_at: SystemTime,
}

impl Clock {
    /// The SDK's own.
    pub fn new(sdk: &SdkConfig, stop_at: SystemTime) -> Self {
        Self {
            time: sdk.time_source().unwrap_or_default(),
            sleep: sdk
                .sleep_impl()
                .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new())),
            stop_at,
        }
    }

    /// The time now.
    pub fn now(&self) -> SystemTime {
        self.time.now()
    }

    async fn wait_until(&self, time: SystemTime) -> Result<(), CallError> {
        let now = self.now();
        if now.max(time) >= self.stop_at {
            return Err(CallError::OutOfTime);
        }
        if let Ok(wait) = time.duration_since(now)
            && !wait.is_zero()
        {
            self.sleep.sleep(wait).await;
        }
        Ok(())
    }
}

/// One operation's quota, or that of several together.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    free_at: SystemTime,
}

impl Pace {
    /// So many calls a second, evenly.
    pub fn per_second(calls: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / calls,
            free_at: SystemTime::UNIX_EPOCH,
        }
    }

    /// Sends until there is an answer that stays, each try in its turn.
    pub async fn call<T, E, F>(
        &mut self,
        clock: &Clock,
        operation: &'static str,
        send: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let mut pauses = PAUSES.iter();
        loop {
            self.turn(clock).await?;
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.code() == Some("ResourceNotFoundException") => {
                    return Err(CallError::Gone(operation));
                }
                Err(error) => error,
            };
            match pauses.next() {
                Some(pause) if is_temporary(&error) => {
                    tracing::debug!(operation, code = error.code(), "tries again");
                    clock.wait_until(clock.now() + *pause).await?;
                }
                _ => {
                    return Err(CallError::Failed {
                        operation,
                        source: Box::new(error),
                    });
                }
            }
        }
    }

    async fn turn(&mut self, clock: &Clock) -> Result<(), CallError> {
        clock.wait_until(self.free_at).await?;
        self.free_at = clock.now().max(self.free_at) + self.interval;
        Ok(())
    }
}

fn is_temporary<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        SdkError::ServiceError(context) => {
            context.raw().status().is_server_error()
                || error.code().is_some_and(|code| TEMPORARY.contains(&code))
        }
        _ => false,
    }
}
