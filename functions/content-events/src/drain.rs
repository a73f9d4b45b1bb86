//! One run of the drainer, top to bottom.

use std::time::Duration;

use aws_sdk_sns::config::timeout::TimeoutConfig;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun::metric::Unit;
use wagrun::outbox::{self, CapturedChange, FieldNames, Lock, Outcome, Site, TransactionStatus};

use crate::compose::compose;
use crate::config::Config;
use crate::outcome::{Course, Live};
use crate::publish::{Outgoing, Topic};
use crate::schedules::Schedules;
use crate::wake::Wake;

pub use crate::outcome::{Answer, DrainError, Requested};

/// Rows that are claimed, published and settled together: what memory holds, and what a crash publishes again.
const BATCH_ROWS: i64 = 500;

/// How long a session may sit idle before the server ends it; longer than any invocation, so that the lock is never
/// lost while this function still works.
const SESSION_IDLE: Duration = Duration::from_secs(180);

/// Longest wait for a transaction to end, after which the doorbell rings again for it.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// First and longest pause between two looks at a transaction: a commit usually follows the ring within milliseconds.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How long whoever asks for a backfill waits for the answer; what is not done by then goes on by the next ring. The
/// AWS CLI gives up after a minute, of which a database that resumes takes half.
const LONGEST_ANSWER: Duration = Duration::from_secs(20);

/// Connects, drains and disconnects; one for the life of the process.
#[derive(Debug)]
pub struct Drainer {
    pub(crate) config: Config,
    pub(crate) topic: Topic,
    pub(crate) schedules: Option<Schedules>,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
}

impl Drainer {
    /// A drainer with its SNS client; a call to SNS that hangs is given up after ten seconds.
    pub fn new(config: Config, sdk: &aws_config::SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(Duration::from_secs(4))
            .operation_timeout(Duration::from_secs(10))
            .build();
        let client = aws_sdk_sns::Client::from_conf(
            aws_sdk_sns::config::Builder::from(sdk)
                .timeout_config(timeouts)
                .build(),
        );
        let topic = Topic::new(client, config.topic_arn.clone());
        let publishing = config.publishing.clone();
        let schedules = publishing.map(|publishing| Schedules::new(publishing, sdk));
        let cloudwatch = aws_sdk_cloudwatch::Client::new(sdk);
        Self {
            config,
            topic,
            schedules,
            cloudwatch,
        }
    }

    /// Brings everything that is committed to the topic and disconnects; takes no new rows after `stop_at`.
    pub async fn run(&self, wake: &Wake, stop_at: Instant) -> Result<Answer, DrainError> {
        if *wake == Wake::Sweep && self.can_be_left_alone().await? {
            return Ok(Answer {
                asleep: true,
                ..Answer::default()
            });
        }
        let mut connection = self
            .config
            .database
            .connect("wagrun content-events", SESSION_IDLE)
            .await?;
        let result = self.drain(&mut connection, wake, stop_at).await;
        // Whatever became of the events: what is due is no part of them.
        let scheduled = self.keep_schedules(&mut connection, wake).await;
        let told = self.tell_what_waits(&mut connection).await;
        // Said properly, so that the server frees the session at once; on an error it frees it all the same.
        let closed = connection.close().await;
        let mut answer = result?;
        let scheduled = scheduled?;
        answer.scheduled = scheduled.created;
        answer.unscheduled = scheduled.deleted;
        told?;
        closed?;
        Ok(answer)
    }

    /// How long the oldest event waits that is still not published, for the alarm.
    async fn tell_what_waits(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let seconds = outbox::oldest_pending_seconds(connection).await?;
        let value = ("OldestPendingSeconds", seconds, Unit::Seconds);
        self.config.metrics.emit(&[], &[value]);
        Ok(())
    }

    async fn drain(
        &self,
        connection: &mut PgConnection,
        wake: &Wake,
        stop_at: Instant,
    ) -> Result<Answer, DrainError> {
        let mut course = Course::default();
        let mut stop_at = stop_at;
        let mut asked_for = None;
        match wake {
            Wake::Sweep => {}
            Wake::Transactions(xids) => {
                for xid in xids {
                    course.answer.rang_again |= !wait_for_end(connection, *xid, stop_at).await?;
                }
            }
            Wake::Backfill { request, payload } => {
                asked_for = Some(self.open_backfill(connection, request, payload).await?);
                stop_at = stop_at.min(Instant::now() + LONGEST_ANSWER);
            }
            Wake::Cancel(id) => {
                if !outbox::cancel_backfill(connection, *id).await? {
                    return Err(DrainError::NotUnderWay(*id));
                }
                asked_for = Some(*id);
            }
        }

        match self.drain_live(connection, stop_at, &mut course).await? {
            Live::Drained => self.backfill(connection, stop_at, &mut course).await?,
            // Who is at it looks for backfills afterwards.
            Live::Taken => course.answer.another_drainer = true,
            Live::Left => {}
        }
        if let Some(id) = asked_for {
            let progress = outbox::backfill_progress(connection, id).await?;
            course.answer.backfill = Some(Requested {
                id,
                published: progress.published,
                finished: progress.finished,
            });
        }
        course.end()
    }

    /// Brings what is pending to the topic, unless another drainer is doing so.
    pub(crate) async fn drain_live(
        &self,
        connection: &mut PgConnection,
        stop_at: Instant,
        course: &mut Course,
    ) -> Result<Live, DrainError> {
        // Around again after every unlock: whoever found the lock taken has left, and what they came for may have
        // been committed since the last claim.
        while outbox::is_pending(connection, &course.blocked()).await? {
            if !outbox::try_lock(connection, Lock::Drain).await? {
                return Ok(Live::Taken);
            }
            let finished = self.drain_locked(connection, stop_at, course).await?;
            if !outbox::unlock(connection, Lock::Drain).await? {
                return Err(DrainError::LockLost);
            }
            if !finished {
                return Ok(Live::Left);
            }
        }
        Ok(Live::Drained)
    }

    /// Batch after batch until nothing is pending; false when the time was over first, or the topic takes nothing.
    async fn drain_locked(
        &self,
        connection: &mut PgConnection,
        stop_at: Instant,
        course: &mut Course,
    ) -> Result<bool, DrainError> {
        let sites = outbox::sites(connection).await?;
        let names = FieldNames::load(connection).await?;
        loop {
            let changes = outbox::claim(connection, BATCH_ROWS, &course.blocked(), &names).await?;
            let answer = &mut course.answer;
            let Some(last) = changes.last() else {
                answer.removed +=
                    outbox::remove_history(connection, self.config.history_days).await?;
                return Ok(true);
            };
            let last_xid = last.xid.clone();

            let (outgoing, nothing) = self.compose_all(&changes, &sites)?;
            let published = self.topic.publish(outgoing).await;
            outbox::settle(connection, &nothing, Outcome::Nothing).await?;
            outbox::settle(connection, &published.positions, Outcome::Published).await?;
            for one in &published.refused {
                outbox::record_failure(connection, one.position, &one.reason).await?;
            }
            answer.nothing += nothing.len();
            answer.published += published.positions.len();
            let topic_is_down = published.positions.is_empty() && !published.refused.is_empty();
            course.refused.extend(published.refused);
            if topic_is_down {
                // More of the same would keep the database awake; Lambda's retries and the next ring come later.
                return Ok(false);
            }
            if Instant::now() >= stop_at {
                outbox::ring_again(connection, &last_xid).await?;
                course.answer.rang_again = true;
                return Ok(false);
            }
        }
    }

    /// The events of these changes, and the rows that come to nothing.
    fn compose_all(
        &self,
        changes: &[CapturedChange],
        sites: &[Site],
    ) -> Result<(Vec<Outgoing>, Vec<i64>), DrainError> {
        let mut outgoing = Vec::with_capacity(changes.len());
        let mut nothing = Vec::new();
        for change in changes {
            let position = change.position;
            let Some(event) = compose(change, sites, &self.config.source) else {
                nothing.push(position);
                continue;
            };
            outgoing.push(
                Outgoing::new(position, event)
                    .map_err(|source| DrainError::Json { position, source })?,
            );
        }
        Ok((outgoing, nothing))
    }
}

/// Waits until the transaction has ended; false when it outlasted the wait and the doorbell was rung again for it.
async fn wait_for_end(
    connection: &mut PgConnection,
    xid: u64,
    stop_at: Instant,
) -> Result<bool, DrainError> {
    let give_up_at = stop_at.min(Instant::now() + LONGEST_WAIT);
    let mut pause = SHORTEST_PAUSE;
    loop {
        let status = outbox::transaction_status(connection, xid)
            .await
            .map_err(|source| DrainError::Transaction { xid, source })?;
        if status != TransactionStatus::InProgress {
            return Ok(true);
        }
        if Instant::now() >= give_up_at {
            outbox::ring_again(connection, &xid.to_string()).await?;
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
