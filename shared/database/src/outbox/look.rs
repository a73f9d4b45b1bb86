//! The look at the outbox: is there work, and what else may there be to do.

use sqlx::postgres::PgConnection;

use super::lock::Lock;
use super::schedule::ScheduleChanges;
use super::script::{Literal, Results, Script};
use super::transaction::TransactionStatus;

/// True when a committed change waits for publication, or a comparison of visibilities is due. Numbered events of the objects `$1` do
/// not count.
const IS_PENDING: &str = "(exists (select from wagrun.outbox)
    or exists (select from wagrun.event where settled_at is null and set_apart_at is null and object <> all ($1::text[]))
    or exists (select from wagrun.visibility where decide_at <= clock_timestamp())
    or exists (select from wagrun.visibility_scan where is_wanted))";

/// The status of each transaction of `$1`. Null for an id that this session cannot know yet: open, or never used.
const STATUSES: &str = "select xid, case when xid::xid8 < pg_snapshot_xmax(pg_current_snapshot())
        then coalesce(pg_xact_status(xid::xid8), 'forgotten') end as status
    from unnest($1::text[]) as given (xid)";

/// An index finds the first row of each order at once, also when many events are pending.
const FACTS: &str = "
    (select extract(epoch from min(decide_at) - clock_timestamp())::float8 from wagrun.visibility
     where decide_at is not null) as seconds_until_decision,
    array(select distinct xid::text from wagrun.schedule_change) as schedule_changes,
    coalesce(extract(epoch from clock_timestamp() - least(
        (select captured_at from wagrun.outbox order by position limit 1),
        (select captured_at from wagrun.event where settled_at is null and set_apart_at is null order by sequence limit 1),
        (select decide_at from wagrun.visibility where decide_at <= clock_timestamp() order by decide_at limit 1)
    )), 0)::float8 as oldest_seconds,
    (select count(*) from wagrun.event where settled_at is null and set_apart_at is not null) as set_apart";

const HAS_BACKFILL: &str = "select exists (select from wagrun.backfill where finished_at is null)";

/// A drainer's arrival at the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// There is nothing to drain.
    NothingPending,
    /// Another session holds the drain lock.
    LockTaken,
    /// This session holds the drain lock now.
    Locked,
}

/// Takes the drain lock, if a committed change is pending. Numbered events of `blocked` objects do not count.
pub async fn lock_if_pending(
    connection: &mut PgConnection,
    blocked: &[String],
) -> Result<Arrival, sqlx::Error> {
    let mut script = Script::default();
    let statement = format!(
        "with seen as materialized (select {IS_PENDING} as is_pending)
         select is_pending, case when is_pending then pg_try_advisory_lock($2) else false end as is_locked from seen"
    );
    script.add(
        &statement,
        &[Literal::Texts(&texts(blocked)), lock_key(Lock::Drain)],
    );
    let (is_pending, is_locked) = script.run(connection).await?.next().row()?;
    Ok(match (is_pending, is_locked) {
        (_, true) => Arrival::Locked,
        (true, false) => Arrival::LockTaken,
        (false, false) => Arrival::NothingPending,
    })
}

/// The work that a session without a lock sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// The transactions that were asked for, with their status. `None` for one that is open or was never used.
    ///
    /// They were looked at before the pending changes. So the changes of a transaction that had ended are among these.
    pub transactions: Vec<(u64, Option<TransactionStatus>)>,
    /// True when a committed change waits for publication, or a comparison of visibilities is due.
    pub is_pending: bool,
    /// The seconds until the next decision, or `None` when no page is undecided.
    pub seconds_until_decision: Option<f64>,
    /// True when a replay or a snapshot is not finished.
    pub has_backfill: bool,
    /// The recorded changes of due times.
    pub schedule_changes: ScheduleChanges,
    /// Figures about pending events.
    pub stats: PendingStats,
}

/// Figures about pending events, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PendingStats {
    /// The age of the oldest pending change in seconds, or 0 when there is none. Events that are set apart do not count.
    pub oldest_seconds: f64,
    /// The number of events that are set apart and wait for an operator.
    pub set_apart: i64,
}

/// Looks at the transactions, and then at everything that there may be to do. Numbered events of `blocked` objects do not count.
pub async fn look(
    connection: &mut PgConnection,
    transactions: &[u64],
    blocked: &[String],
) -> Result<Look, sqlx::Error> {
    let mut script = Script::default();
    add_look(&mut script, transactions, blocked);
    read_look(&mut script.run(connection).await?)
}

/// Adds the statements of a look. Those that are added after it are optional.
pub(super) fn add_look(script: &mut Script, transactions: &[u64], blocked: &[String]) {
    let ids: Vec<_> = transactions.iter().map(|id| Some(id.to_string())).collect();
    script.add(STATUSES, &[Literal::Texts(&ids)]);
    let statement = format!("select {IS_PENDING} as is_pending, {FACTS}");
    script.add(&statement, &[Literal::Texts(&texts(blocked))]);
    // A deployment updates this function before migrate has run. Live events must not suffer from that.
    script.leave_rest_optional();
    script.add(HAS_BACKFILL, &[]);
}

/// Reads the results of a look.
pub(super) fn read_look(results: &mut Results) -> Result<Look, sqlx::Error> {
    let statuses: Vec<(String, Option<String>)> = results.next().rows()?;
    let (is_pending, seconds_until_decision, schedule_changes, oldest_seconds, set_apart) =
        results.next().row()?;
    let transactions = statuses.into_iter().filter_map(|(id, status)| {
        let status = status.map(|status| TransactionStatus::from_server(Some(&status)));
        Some((id.parse().ok()?, status))
    });
    Ok(Look {
        transactions: transactions.collect(),
        is_pending,
        seconds_until_decision,
        has_backfill: results.next().scalars()?.contains(&true),
        schedule_changes: ScheduleChanges::new(schedule_changes),
        stats: PendingStats {
            oldest_seconds,
            set_apart,
        },
    })
}

/// The key of a lock as a value.
pub(super) fn lock_key(lock: Lock) -> Literal<'static> {
    Literal::Integer(Some(lock as i64))
}

fn texts(objects: &[String]) -> Vec<Option<String>> {
    objects.iter().cloned().map(Some).collect()
}
