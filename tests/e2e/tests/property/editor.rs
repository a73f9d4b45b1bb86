//! A random editor: one session that sends one random transaction after the other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::actions::random_action;
use super::content::Content;
use super::tokens::Tokens;

/// The longest pause of an editor. All others may wait for it.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// The state that the editors and the drains share.
pub struct Workload {
    pub content: Mutex<Content>,
    pub tokens: Tokens,
    /// The number of statements that have ended. Random pauses wait for a number of them.
    pub statements: watch::Sender<u64>,
    stop_at: Instant,
    is_stopped: AtomicBool,
    pub committed: AtomicUsize,
    pub rolled_back: AtomicUsize,
    /// The number of serialization failures and deadlocks.
    pub conflicts: AtomicUsize,
    /// The number of unique and foreign keys that another editor's transaction broke.
    pub constraints: AtomicUsize,
    /// All other errors.
    pub failures: Mutex<Vec<String>>,
}

impl Workload {
    pub fn new(stop_at: Instant) -> Self {
        Self {
            content: Content::new(),
            tokens: Tokens::default(),
            statements: watch::Sender::new(0),
            stop_at,
            is_stopped: AtomicBool::default(),
            committed: AtomicUsize::default(),
            rolled_back: AtomicUsize::default(),
            conflicts: AtomicUsize::default(),
            constraints: AtomicUsize::default(),
            failures: Mutex::default(),
        }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.stop_at || self.is_stopped.load(Ordering::Relaxed)
    }

    /// Ends the editors before the time is over.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Waits until the other editors have run this number of statements, or until the time limit.
    pub async fn wait_for_statements(&self, statements: u64, longest: Duration) {
        let mut now = self.statements.subscribe();
        let target = *now.borrow() + statements;
        // The time limit ends the pause, too.
        let _ = timeout(longest, now.wait_for(|now| *now >= target)).await;
    }
}

/// Sends transactions until the time is over. Calls `announce` for some of them shortly before they commit.
pub async fn edit(
    workload: &Workload,
    mut session: PgConnection,
    mut rng: Rng,
    announce: impl Fn(u64),
) {
    while !workload.is_over() {
        if let Err(error) = send_one(workload, &mut session, &mut rng, &announce).await {
            workload.failures.lock().unwrap().push(format!("{error:?}"));
            return;
        }
    }
}

/// Sends a random transaction, and counts how it ended. Fails when the session is lost.
pub async fn send_one(
    workload: &Workload,
    session: &mut PgConnection,
    rng: &mut Rng,
    announce: impl Fn(u64),
) -> Result<(), sqlx::Error> {
    let statements = transaction(workload, rng);
    let error = match send(workload, session, rng, &statements, announce).await {
        Ok(is_committed) => {
            let count = match is_committed {
                true => &workload.committed,
                false => &workload.rolled_back,
            };
            count.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        Err(error) => error,
    };
    if run(session, "rollback").await.is_err() {
        return Err(error);
    }
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some("40001" | "40P01") => drop(workload.conflicts.fetch_add(1, Ordering::Relaxed)),
        Some("23503" | "23505") => drop(workload.constraints.fetch_add(1, Ordering::Relaxed)),
        _ => {
            let failure = format!("{error:?} in {statements:#?}");
            workload.failures.lock().unwrap().push(failure);
        }
    }
    Ok(())
}

/// Returns the statements of a random transaction, from `begin` to `commit` or `rollback`.
fn transaction(workload: &Workload, rng: &mut Rng) -> Vec<String> {
    let isolation = match rng.u8(..5) {
        0 => "serializable",
        1 => "repeatable read",
        _ => "read committed",
    };
    let mut statements = vec![format!("begin isolation level {isolation}")];
    let mut content = workload.content.lock().unwrap();
    for number in 0..rng.u8(1..5) {
        let action = random_action(&mut content, rng, &workload.tokens);
        if rng.u8(..6) == 0 {
            statements.push(format!("savepoint step{number}"));
            statements.extend(action);
            let end = if rng.u8(..3) == 0 {
                "release"
            } else {
                "rollback to"
            };
            statements.push(format!("{end} savepoint step{number}"));
        } else {
            statements.extend(action);
        }
    }
    let end = if rng.u8(..8) == 0 {
        "rollback"
    } else {
        "commit"
    };
    statements.push(end.to_owned());
    statements
}

/// Sends a transaction, and returns true if it was committed.
async fn send(
    workload: &Workload,
    session: &mut PgConnection,
    rng: &mut Rng,
    statements: &[String],
    announce: impl Fn(u64),
) -> Result<bool, sqlx::Error> {
    let (end, statements) = statements.split_last().unwrap();
    for statement in statements {
        run(session, statement).await?;
        workload.statements.send_modify(|count| *count += 1);
        if rng.u8(..3) == 0 {
            workload.wait_for_statements(rng.u64(1..7), MAX_PAUSE).await;
        }
    }
    if rng.u8(..4) == 0 {
        let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
            .fetch_one(&mut *session)
            .await?;
        announce(xid.parse().unwrap());
        if rng.bool() {
            workload.wait_for_statements(rng.u64(1..7), MAX_PAUSE).await;
        }
    }
    run(session, end).await?;
    Ok(end == "commit")
}

async fn run(session: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(session)
        .await?;
    Ok(())
}
