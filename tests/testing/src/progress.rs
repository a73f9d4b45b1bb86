//! Tells whoever waits what is being waited for.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

/// How long a wait stays silent before it says what it waits for, and between two such lines.
const REMINDER: Duration = Duration::from_secs(5);
/// How many characters of it such a line quotes.
const LINE: usize = 100;

/// Where progress goes: nowhere in tests, to standard output with the elapsed time in the demo.
#[derive(Debug, Clone)]
pub struct Progress {
    quiet: bool,
    started: Instant,
}

impl Progress {
    /// Says nothing.
    pub fn quiet() -> Self {
        Self {
            quiet: true,
            started: Instant::now(),
        }
    }

    /// Prints a line for each step, headed by the seconds since now.
    pub fn lines() -> Self {
        Self {
            quiet: false,
            started: Instant::now(),
        }
    }

    /// A step begins or ended; a phrase without a full stop.
    pub fn step(&self, what: &str) {
        if !self.quiet {
            println!("{:>7.1} s  {what}", self.started.elapsed().as_secs_f64());
        }
    }

    /// What is being waited for still, and the end of what was last seen of it.
    pub fn waiting(&self, what: &str, last: &str) {
        // Programs that draw a progress bar write a whole log on one line.
        let last = last
            .trim_end()
            .rsplit(['\r', '\n', '\t'])
            .next()
            .unwrap_or_default();
        let abridged: String = last.trim().chars().take(LINE).collect();
        self.step(&format!("… waiting for {what}: {abridged}"));
    }
}

/// What one look at a condition found.
#[derive(Debug)]
pub enum Wait<T> {
    /// It holds.
    Ready(T),
    /// It does not hold yet; why, for the error at the deadline.
    NotYet(String),
}

/// A condition did not come about.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// The deadline passed.
    #[error("waited {seconds:.0} s for {what}; last seen: {last}")]
    TimedOut {
        /// The condition.
        what: String,
        /// How long it was waited for.
        seconds: f64,
        /// What the last look found.
        last: String,
    },
    /// It can't come about any more.
    #[error("waiting for {what}")]
    Failed {
        /// The condition.
        what: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Looks again and again until the condition holds, an attempt fails for good, or `patience` is over.
///
/// An attempt that hangs is cut off at the deadline too.
pub async fn wait_until<T, E, F, Attempt>(
    progress: &Progress,
    what: &str,
    patience: Duration,
    mut attempt: F,
) -> Result<T, WaitError>
where
    F: FnMut() -> Attempt,
    Attempt: Future<Output = Result<Wait<T>, E>>,
    E: Error + Send + Sync + 'static,
{
    let started = Instant::now();
    let mut reminded = started;
    let mut last = String::from("nothing yet");
    let mut pause = Duration::from_millis(10);
    loop {
        let left = patience.saturating_sub(started.elapsed());
        match tokio::time::timeout(left, attempt()).await {
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
        if started.elapsed() >= patience {
            return Err(WaitError::TimedOut {
                what: what.to_owned(),
                seconds: patience.as_secs_f64(),
                last,
            });
        }
        if reminded.elapsed() >= REMINDER {
            reminded = Instant::now();
            progress.waiting(what, &last);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
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
