//! One run of content-events, top to bottom.

use std::time::Duration;

use aws_sdk_sns::config::timeout::TimeoutConfig;
use jiff::Timestamp;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;
use wagrun_database::outbox::{self, Look, PendingStats};
use wagrun_event::filter::Filter;
use wagrun_lambda::metric::{Metrics, Unit};

use crate::backfill;
use crate::config::Config;
use crate::context::DrainContext;
use crate::error::DrainError;
use crate::invocation::Invocation;
use crate::live_events::{self, LiveStatus};
use crate::matching;
use crate::open_transactions::{OpenTransactions, WaitResult};
use crate::publish::Topic;
use crate::report::DrainReport;
use crate::run_state::RunState;
use crate::schedules::{ScheduleGroup, sync_schedules};
use crate::session::SESSION;
use crate::sweep;
use crate::undecided::{self, UndecidedWait};

/// Time limit of an invocation that asks for a backfill. The remaining work goes on with the next ring.
///
/// The AWS CLI gives up after a minute, of which a resuming database takes half.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Time limit of one attempt of a call to SNS.
const SNS_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// Time limit of a call to SNS with all of its attempts.
const SNS_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the drain. One value lives as long as the process.
#[derive(Debug)]
pub struct Drainer {
    config: Config,
    topic: Topic,
    schedule_group: Option<ScheduleGroup>,
    cloudwatch: aws_sdk_cloudwatch::Client,
    clock: fn() -> Timestamp,
}

impl Drainer {
    /// Creates the drainer and its clients.
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock of a deployed function"
    )]
    pub fn new(config: Config, sdk: &aws_config::SdkConfig) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(SNS_ATTEMPT_TIMEOUT)
            .operation_timeout(SNS_TIMEOUT)
            .build();
        let sns = aws_sdk_sns::config::Builder::from(sdk)
            .timeout_config(timeouts)
            .build();
        let schedules = config.schedules.clone();
        Self {
            topic: Topic::new(
                aws_sdk_sns::Client::from_conf(sns),
                config.topic_arn.clone(),
            ),
            schedule_group: schedules.map(|schedules| ScheduleGroup::new(schedules, sdk)),
            cloudwatch: aws_sdk_cloudwatch::Client::new(sdk),
            clock: Timestamp::now,
            config,
        }
    }

    /// Replaces the clock by which sweeps and schedules are decided, for tests.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> Timestamp) -> Self {
        Self { clock, ..self }
    }

    /// Brings every committed change to the topic and disconnects. Takes no more work after `stop_at`.
    pub async fn run(
        &self,
        invocation: &Invocation,
        stop_at: Instant,
    ) -> Result<DrainReport, DrainError> {
        let is_sweep = *invocation == Invocation::Sweep;
        let schedule_group = self.schedule_group.as_ref();
        if is_sweep
            && sweep::leaves_asleep(
                &self.config,
                &self.cloudwatch,
                schedule_group,
                (self.clock)(),
            )
            .await?
        {
            return Ok(DrainReport {
                left_asleep: true,
                ..DrainReport::default()
            });
        }
        let mut connection = self.config.database.connect(SESSION).await?;
        if let Invocation::Mark(subscriber) = invocation {
            // It is drained by the run that its commit rings for, as an editor's change is.
            let marked = outbox::mark(&mut connection, subscriber).await?;
            connection.close().await?;
            return Ok(DrainReport {
                marked: Some(marked),
                ..DrainReport::default()
            });
        }
        let context = DrainContext {
            topic: &self.topic,
            source: &self.config.source,
            history_days: self.config.history_days,
            decision_delay: self.config.decision_delay,
            stop_at,
        };
        // Each step is done whatever the result of the one before it. Afterwards the first error is returned.
        let drained = drain(&mut connection, context, invocation, (self.clock)()).await;
        let look = drained.as_ref().ok().and_then(|(_, look)| look.as_ref());
        let seen = look.map(|look| look.schedule_changes.clone());
        let stats = look.map(|look| look.stats);
        let scheduled =
            sync_schedules(&mut connection, schedule_group, seen, is_sweep, self.clock).await;
        let emitted = emit_pending_metrics(&mut connection, &self.config.metrics, stats).await;
        // An orderly close frees the server's session at once.
        let closed = connection.close().await;
        let (mut report, _) = drained?;
        let scheduled = scheduled?;
        report.scheduled = scheduled.created;
        report.unscheduled = scheduled.deleted;
        emitted?;
        closed?;
        Ok(report)
    }
}

/// Does what the operator asked for, drains the live events, and goes on with backfills.
///
/// Returns the last look at the outbox too, if nothing was done after it.
async fn drain(
    connection: &mut PgConnection,
    context: DrainContext<'_>,
    invocation: &Invocation,
    now: Timestamp,
) -> Result<(DrainReport, Option<Look>), DrainError> {
    let mut state = RunState::default();
    let requested = execute_command(connection, invocation, context, now, &mut state).await?;
    if let (Some(id), Invocation::Backfill { waits: false, .. }) = (requested, invocation) {
        outbox::ring_again(connection).await?;
        state.report.rang_again = true;
        state.report.backfill = outbox::backfill_progress(connection, id).await?;
        return Ok((state.finish()?, None));
    }
    let mut context = context;
    if requested.is_some() {
        context.stop_at = context.stop_at.min(Instant::now() + REQUEST_TIMEOUT);
    }
    let mut transactions = OpenTransactions::new(invocation, context.stop_at);

    // Committed changes do not wait for the transaction that rang. They are drained first, and again while it is open.
    let last_look = loop {
        let ids = transactions.ids();
        let look = match live_events::drain(connection, context, ids, &mut state).await? {
            LiveStatus::Drained(look) => Some(look),
            // The other drainer, or the one after it, looks for backfills afterwards.
            LiveStatus::HeldByAnother => {
                state.report.another_drainer = true;
                None
            }
            LiveStatus::Unfinished => break None,
        };
        if transactions.wait(connection, look.as_ref()).await? == WaitResult::DrainAgain {
            continue;
        }
        let Some(look) = look else { break None };
        match undecided::wait(connection, look.seconds_until_decision, context.stop_at).await? {
            UndecidedWait::DrainAgain => continue,
            UndecidedWait::TimeOver => state.report.rang_again = true,
            UndecidedWait::NoneLeft => {}
        }
        if !look.has_backfill {
            break Some(look);
        }
        backfill::run(connection, context, &mut state).await?;
        break None;
    };
    // A topic that takes nothing fails the invocation, and Lambda tries again with the same transactions.
    if !state.is_topic_down && transactions.ring_again(connection).await? {
        state.report.rang_again = true;
    }
    if let Some(id) = requested {
        state.report.backfill = outbox::backfill_progress(connection, id).await?;
    }
    Ok((state.finish()?, last_look))
}

/// Executes an operator's command before the drain. Returns the id of the backfill that the report is about.
async fn execute_command(
    connection: &mut PgConnection,
    invocation: &Invocation,
    context: DrainContext<'_>,
    now: Timestamp,
    state: &mut RunState,
) -> Result<Option<Uuid>, DrainError> {
    match invocation {
        Invocation::Sweep | Invocation::Transactions(_) | Invocation::Mark(_) => Ok(None),
        Invocation::Backfill {
            request, payload, ..
        } => {
            let days = context.history_days;
            let id = backfill::open(connection, request, payload, days, now).await?;
            Ok(Some(id))
        }
        Invocation::Count(request) => {
            let counted = backfill::count(connection, request, context.source).await?;
            state.report.counted = Some(counted);
            Ok(None)
        }
        Invocation::Match(request) => {
            state.report.matched =
                Some(matching::count(connection, request, &Filter::default()).await?);
            Ok(None)
        }
        Invocation::Cancel(id) => {
            if backfill::cancel(connection, *id).await? {
                Ok(Some(*id))
            } else {
                Err(DrainError::NotUnderWay(*id))
            }
        }
        Invocation::Progress(id) => match outbox::backfill_progress(connection, *id).await? {
            Some(_) => Ok(Some(*id)),
            None => Err(DrainError::NoBackfill(*id)),
        },
        Invocation::Retry(id) => {
            let retried = outbox::retry_set_apart(connection, *id).await?;
            state.report.retried = retried;
            match id {
                Some(id) if retried == 0 => Err(DrainError::NotSetApart(*id)),
                _ => Ok(None),
            }
        }
        Invocation::Discard(id) => {
            if outbox::discard_set_apart(connection, *id).await? {
                Ok(None)
            } else {
                Err(DrainError::NotSetApart(*id))
            }
        }
    }
}

/// Emits the age of the oldest pending change and the number of events that are set apart, for the alarms.
async fn emit_pending_metrics(
    connection: &mut PgConnection,
    metrics: &Metrics,
    stats: Option<PendingStats>,
) -> Result<(), sqlx::Error> {
    let stats = match stats {
        Some(stats) => stats,
        None => outbox::look(connection, &[], &[]).await?.stats,
    };
    #[expect(clippy::cast_precision_loss, reason = "a metric is a double")]
    let set_apart = stats.set_apart as f64;
    metrics.emit(
        &[],
        &[
            ("OldestPendingSeconds", stats.oldest_seconds, Unit::Seconds),
            ("EventsSetApart", set_apart, Unit::Count),
        ],
    );
    Ok(())
}

#[cfg(test)]
mod sweep_tests;
