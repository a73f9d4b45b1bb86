//! One run of content-events, top to bottom.

use std::time::Duration;

use aws_sdk_sns::config::timeout::TimeoutConfig;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;
use wagrun_database::connection::Session;
use wagrun_database::outbox;
use wagrun_lambda::metric::Unit;

use crate::backfill;
use crate::config::Config;
use crate::doorbell::OpenTransactions;
use crate::due;
use crate::live::{self, Live};
use crate::outcome::Course;
use crate::outlet::Outlet;
use crate::publish::Topic;
use crate::schedules::Schedules;
use crate::sweep;
use crate::wake::Wake;

pub use crate::outcome::{Answer, DrainError, Requested};

/// How long a session may sit idle before the server ends it; longer than any invocation, so that the lock is never
/// lost while this function still works.
const SESSION_IDLE: Duration = Duration::from_secs(180);

/// The longest wait of a statement for a lock. Less than the server's `deadlock_timeout` of a second, so that a migration that
/// this meets never finds itself in a deadlock: this one gives up first, and tries again.
const LOCK_TIMEOUT: Duration = Duration::from_millis(250);

/// How long whoever asks for a backfill waits for the answer; what is not done by then goes on by the next ring. The
/// AWS CLI gives up after a minute, of which a database that resumes takes half.
const LONGEST_ANSWER: Duration = Duration::from_secs(20);

/// Connects, drains and disconnects; one for the life of the process.
#[derive(Debug)]
pub struct Drainer {
    pub(crate) config: Config,
    topic: Topic,
    schedules: Option<Schedules>,
    cloudwatch: aws_sdk_cloudwatch::Client,
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

    /// Brings everything that is committed to the topic and disconnects; takes no new events after `stop_at`.
    pub async fn run(&self, wake: &Wake, stop_at: Instant) -> Result<Answer, DrainError> {
        let schedules = self.schedules.as_ref();
        let is_sweep = *wake == Wake::Sweep;
        if is_sweep && sweep::can_be_left_alone(&self.config, &self.cloudwatch, schedules).await? {
            return Ok(Answer {
                asleep: true,
                ..Answer::default()
            });
        }
        let mut connection = self
            .config
            .database
            .connect(Session {
                application_name: "wagrun content-events",
                idle: SESSION_IDLE,
                lock_timeout: Some(LOCK_TIMEOUT),
            })
            .await?;
        let result = self.drain(&mut connection, wake, stop_at).await;
        // Whatever became of the events: what is due is no part of them.
        let scheduled = due::keep_schedules(&mut connection, schedules, wake).await;
        let told = self.emit_backlog(&mut connection).await;
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

    async fn drain(
        &self,
        connection: &mut PgConnection,
        wake: &Wake,
        stop_at: Instant,
    ) -> Result<Answer, DrainError> {
        let mut course = Course::default();
        let asked_for = prepare(connection, wake, self.config.history_days, &mut course).await?;
        let stop_at = match asked_for {
            Some(_) => stop_at.min(Instant::now() + LONGEST_ANSWER),
            None => stop_at,
        };
        let outlet = Outlet {
            topic: &self.topic,
            source: &self.config.source,
            history_days: self.config.history_days,
        };
        let mut open = OpenTransactions::new(wake, stop_at);

        // What is committed does not wait for the transaction that rang: it is drained first, and again while that is open.
        loop {
            let live = live::drain(connection, outlet, stop_at, &mut course).await?;
            match live {
                Live::Drained => {}
                // Who is at it, or comes next, looks for backfills afterwards.
                Live::Taken => course.answer.another_drainer = true,
                Live::Left => break,
            }
            if !open.wait(connection).await? {
                if live == Live::Drained {
                    backfill::run(connection, outlet, stop_at, &mut course).await?;
                }
                break;
            }
        }
        // A topic that takes nothing fails the invocation, and Lambda tries again with the same transactions.
        if !course.is_topic_down && open.ring_for_the_rest(connection).await? {
            course.answer.rang_again = true;
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

    /// Emits the age of the oldest change that is not published and the number of events that wait for an operator, for the alarms.
    async fn emit_backlog(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let backlog = outbox::backlog(connection).await?;
        #[expect(clippy::cast_precision_loss, reason = "a metric is a double")]
        let set_apart = backlog.set_apart as f64;
        self.config.metrics.emit(
            &[],
            &[
                (
                    "OldestPendingSeconds",
                    backlog.oldest_seconds,
                    Unit::Seconds,
                ),
                ("EventsSetApart", set_apart, Unit::Count),
            ],
        );
        Ok(())
    }
}

/// Does what an operator asks for before anything is drained; returns the backfill that the answer is about.
async fn prepare(
    connection: &mut PgConnection,
    wake: &Wake,
    history_days: i32,
    course: &mut Course,
) -> Result<Option<Uuid>, DrainError> {
    match wake {
        Wake::Sweep | Wake::Transactions(_) => Ok(None),
        Wake::Backfill { request, payload } => {
            let id = backfill::open(connection, request, payload, history_days).await?;
            Ok(Some(id))
        }
        Wake::Cancel(id) => {
            if outbox::cancel_backfill(connection, *id).await? {
                Ok(Some(*id))
            } else {
                Err(DrainError::NotUnderWay(*id))
            }
        }
        Wake::Retry(id) => {
            let retried = outbox::retry_set_apart(connection, *id).await?;
            course.answer.retried = retried;
            match id {
                Some(id) if retried == 0 => Err(DrainError::NotSetApart(*id)),
                _ => Ok(None),
            }
        }
        Wake::Discard(id) => {
            if outbox::discard_set_apart(connection, *id).await? {
                Ok(None)
            } else {
                Err(DrainError::NotSetApart(*id))
            }
        }
    }
}
