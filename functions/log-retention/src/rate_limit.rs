//! Calls an operation no more often than its quota allows, and retries it when AWS asks to.

use std::error::Error;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;

/// The delays before the retries of a call. They have no random part, because a run makes one call after the other.
const RETRY_DELAYS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];
/// Error codes of CloudWatch Logs after which a retry may succeed. Every error of the server (5xx) counts too.
const RETRYABLE_CODES: [&str; 5] = [
    "OperationAbortedException",
    "RequestLimitExceeded",
    "ServiceUnavailableException",
    "Throttling",
    "ThrottlingException",
];

/// A call without a result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The run's time is over. The next run continues.
    #[error("the time is over")]
    OutOfTime,
    /// The log group or the stream no longer exists.
    #[error("{0}: not found")]
    NotFound(&'static str),
    /// The call failed with an error that is not retried, or six times.
    #[error("{operation} failed")]
    Failed {
        /// The operation, as AWS names it.
        operation: &'static str,
        /// The last error.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The clock of a run, and the end of its time.
#[derive(Debug, Clone)]
pub struct Clock {
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
    stop_at: SystemTime,
}

impl Clock {
    /// Takes the clock of the SDK.
    pub fn new(sdk: &SdkConfig, stop_at: SystemTime) -> Self {
        Self {
            time: sdk.time_source().unwrap_or_default(),
            sleep: sdk
                .sleep_impl()
                .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new())),
            stop_at,
        }
    }

    /// Returns the present time.
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

/// The rate limit of one operation, or of several operations together.
#[derive(Debug)]
pub struct RateLimit {
    interval: Duration,
    next_call_at: SystemTime,
}

impl RateLimit {
    /// Allows a number of calls a second, at even intervals.
    pub fn per_second(calls: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / calls,
            next_call_at: SystemTime::UNIX_EPOCH,
        }
    }

    /// Calls `send` until it returns a result or an error that is final. Each call waits for the rate limit.
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
        let mut delays = RETRY_DELAYS.iter();
        loop {
            self.wait(clock).await?;
            let error = match send().await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.code() == Some("ResourceNotFoundException") => {
                    return Err(CallError::NotFound(operation));
                }
                Err(error) => error,
            };
            match delays.next() {
                Some(delay) if is_retryable(&error) => {
                    tracing::debug!(operation, code = error.code(), "call retried");
                    clock.wait_until(clock.now() + *delay).await?;
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

    async fn wait(&mut self, clock: &Clock) -> Result<(), CallError> {
        clock.wait_until(self.next_call_at).await?;
        self.next_call_at = clock.now().max(self.next_call_at) + self.interval;
        Ok(())
    }
}

fn is_retryable<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        SdkError::ServiceError(context) => {
            context.raw().status().is_server_error()
                || error
                    .code()
                    .is_some_and(|code| RETRYABLE_CODES.contains(&code))
        }
        _ => false,
    }
}
