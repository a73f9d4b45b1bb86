//! Waits for a condition, and reports what is awaited.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

/// The time between two progress lines of one wait.
const REMINDER_INTERVAL: Duration = Duration::from_secs(5);
/// The number of characters of the last observation in a progress line.
const MAX_QUOTE_LENGTH: usize = 100;
/// The pause after the first check. It doubles up to [`MAX_POLL_INTERVAL`].
const FIRST_POLL_INTERVAL: Duration = Duration::from_millis(10);
const MAX_POLL_INTERVAL: Duration = Duration::from_millis(200);

/// The output for progress. Tests use [`Progress::quiet`], the demo [`Progress::lines`].
#[derive(Debug, Clone)]
pub struct Progress {
    quiet: bool,
    started: Instant,
}

impl Progress {
    /// Discards all progress.
    pub fn quiet() -> Self {
        Self {
            quiet: true,
            started: Instant::now(),
        }
    }

    /// Prints a line for each step to standard output. It begins with the seconds since this call.
    pub fn lines() -> Self {
        Self {
            quiet: false,
            started: Instant::now(),
        }
    }

    /// Reports that a step begins or has ended. `what` is a phrase without a full stop.
    pub fn step(&self, what: &str) {
        if !self.quiet {
            println!("{:>7.1} s  {what}", self.started.elapsed().as_secs_f64());
        }
    }

    /// Reports that `what` is still awaited, with the end of the last observation.
    pub fn waiting(&self, what: &str, last: &str) {
        // Programs that draw a progress bar write a whole log on one line.
        let last = last
            .trim_end()
            .rsplit(['\r', '\n', '\t'])
            .next()
            .unwrap_or_default();
        let abridged: String = last.trim().chars().take(MAX_QUOTE_LENGTH).collect();
        self.step(&format!("… waiting for {what}: {abridged}"));
    }
}

/// The result of one check of a condition.
#[derive(Debug)]
pub enum Wait<T> {
    /// The condition holds.
    Ready(T),
    /// The condition does not hold yet. The observation is for the error at the deadline.
    NotYet(String),
}

/// A condition did not hold in time.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The deadline passed.
    #[error("waited {seconds:.0} s for {what}; last seen: {last}")]
    TimedOut {
        /// The condition.
        what: String,
        /// The timeout, in seconds.
        seconds: f64,
        /// The observation of the last check.
        last: String,
    },
    /// A check failed, so that the condition cannot hold any more.
    #[error("waiting for {what}")]
    Failed {
        /// The condition.
        what: String,
        /// The cause.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Calls `check` until the condition holds, a check fails, or `timeout` has passed.
///
/// A check that hangs is cancelled at the deadline.
pub async fn wait_until<T, E, F, Check>(
    progress: &Progress,
    what: &str,
    timeout: Duration,
    mut check: F,
) -> Result<T, WaitError>
where
    F: FnMut() -> Check,
    Check: Future<Output = Result<Wait<T>, E>>,
    E: Error + Send + Sync + 'static,
{
    let started = Instant::now();
    let mut reminded = started;
    let mut last = String::from("nothing yet");
    let mut pause = FIRST_POLL_INTERVAL;
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, check()).await {
            Ok(Ok(Wait::Ready(value))) => return Ok(value),
            Ok(Ok(Wait::NotYet(why))) => last = why,
            Ok(Err(source)) => {
                return Err(WaitError::Failed {
                    what: what.to_owned(),
                    source: Box::new(source),
                });
            }
            Err(_) => last = format!("no answer ({last})"),
        }
        if started.elapsed() >= timeout {
            return Err(WaitError::TimedOut {
                what: what.to_owned(),
                seconds: timeout.as_secs_f64(),
                last,
            });
        }
        if reminded.elapsed() >= REMINDER_INTERVAL {
            reminded = Instant::now();
            progress.waiting(what, &last);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(MAX_POLL_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[tokio::test]
    async fn a_deadline_says_what_was_seen_last() {
        let error = wait_until(
            &Progress::quiet(),
            "the moon",
            Duration::from_millis(50),
            || async { Ok::<Wait<()>, Infallible>(Wait::NotYet("only clouds".into())) },
        )
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "waited 0 s for the moon; last seen: only clouds"
        );
    }

    #[tokio::test]
    async fn an_attempt_that_hangs_ends_at_the_deadline() {
        let error = wait_until(
            &Progress::quiet(),
            "an answer",
            Duration::from_millis(50),
            std::future::pending::<Result<Wait<()>, Infallible>>,
        )
        .await
        .unwrap_err();
        assert!(error.to_string().ends_with("no answer (nothing yet)"));
    }
}
