//! The look at the outbox: is there work, and what else may there be to do.

use sqlx::postgres::PgConnection;

use super::lock::Lock;
use super::presence::{Presence, TAKE_PLACE};
use super::schedule::ScheduleChanges;
use super::script::{Literal, Results, Script, lock_key};
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

/// Takes the drain lock and a lock of presence, if a committed change is pending. Numbered events of `blocked` objects do not count.
pub async fn lock_if_pending(
    connection: &mut PgConnection,
    blocked: &[String],
    presence: &mut Presence,
) -> Result<Arrival, sqlx::Error> {
    let mut script = Script::default();
    let [is_absent, first, second] = presence.place_values();
    let is_pending = IS_PENDING.replace("$1", "$5");
    let statement = format!(
        "with seen as materialized (select {is_pending} as is_pending),
         tried as materialized (
             select is_pending, case when is_pending then pg_try_advisory_lock($4) else false end as is_locked from seen)
         select is_pending, is_locked, case when is_locked then {TAKE_PLACE} end as place from tried"
    );
    let lock = lock_key(Lock::Drain);
    let blocked = texts(blocked);
    let values = [is_absent, first, second, lock, Literal::Texts(&blocked)];
    script.add(&statement, &values);
    let (is_pending, is_locked, place) = script.run(connection).await?.next().row()?;
    presence.record_place(place);
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
    /// True when no commit was under way that relies on the run. Its presence has ended then, unless something is pending.
    pub has_seen_all: bool,
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
    presence: &mut Presence,
) -> Result<Look, sqlx::Error> {
    let mut script = Script::default();
    add_look(&mut script, transactions, blocked, presence);
    read_look(&mut script.run(connection).await?, presence)
}

/// Adds the statements of a look. Those that are added after it are optional.
///
/// The statement that sees nothing pending ends the presence, and the exclusive lock is released after it. A session keeps the answer to
/// its try in a setting, because a statement does not see the ones before it.
pub(super) fn add_look(
    script: &mut Script,
    transactions: &[u64],
    blocked: &[String],
    presence: &Presence,
) {
    let lock = [lock_key(Lock::SkippedRings)];
    script.add(
        "select set_config('wagrun.has_seen_all', pg_try_advisory_lock($1)::text, false)",
        &lock,
    );
    let ids: Vec<_> = transactions.iter().map(|id| Some(id.to_string())).collect();
    script.add(STATUSES, &[Literal::Texts(&ids)]);
    let statement = format!(
        "with seen as materialized (
             select {IS_PENDING} as is_pending, current_setting('wagrun.has_seen_all')::boolean as has_seen_all)
         select is_pending, has_seen_all, case when has_seen_all and not is_pending then pg_advisory_unlock($2) end as is_absent, {FACTS}
         from seen"
    );
    script.add(
        &statement,
        &[Literal::Texts(&texts(blocked)), presence.key()],
    );
    script.add(
        "select pg_advisory_unlock($1) where current_setting('wagrun.has_seen_all')::boolean",
        &lock,
    );
    // A deployment updates this function before migrate has run. Live events must not suffer from that.
    script.leave_rest_optional();
    script.add(HAS_BACKFILL, &[]);
}

/// Reads the results of a look.
pub(super) fn read_look(
    results: &mut Results,
    presence: &mut Presence,
) -> Result<Look, sqlx::Error> {
    results.next();
    let statuses: Vec<(String, Option<String>)> = results.next().rows()?;
    let row: LookRow = results.next().row()?;
    results.next();
    if row.is_absent.is_some() {
        presence.record_end();
    }
    let transactions = statuses.into_iter().filter_map(|(id, status)| {
        let status = status.map(|status| TransactionStatus::from_server(Some(&status)));
        Some((id.parse().ok()?, status))
    });
    Ok(Look {
        transactions: transactions.collect(),
        is_pending: row.is_pending,
        has_seen_all: row.has_seen_all,
        seconds_until_decision: row.seconds_until_decision,
        has_backfill: results.next().scalars()?.contains(&true),
        schedule_changes: ScheduleChanges::new(row.schedule_changes),
        stats: PendingStats {
            oldest_seconds: row.oldest_seconds,
            set_apart: row.set_apart,
        },
    })
}

#[derive(sqlx::FromRow)]
struct LookRow {
    is_pending: bool,
    has_seen_all: bool,
    is_absent: Option<bool>,
    seconds_until_decision: Option<f64>,
    schedule_changes: Vec<String>,
    oldest_seconds: f64,
    set_apart: i64,
}

fn texts(objects: &[String]) -> Vec<Option<String>> {
    objects.iter().cloned().map(Some).collect()
}
