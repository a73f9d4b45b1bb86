//! Somebody who edits: one session, one random transaction after the other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::actions::random_action;
use super::content::Content;
use super::tokens::Tokens;

/// How long a pause lasts when nobody else gets on, because all wait for the one who pauses.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// What editors share with each other and with the drain.
pub struct Desk {
    pub content: Mutex<Content>,
    pub tokens: Tokens,
    /// How many statements have ended. Everything random in time waits for some of them.
    pub statements: watch::Sender<u64>,
    pub stop_at: Instant,
    pub committed: AtomicUsize,
    pub rolled_back: AtomicUsize,
    /// Serialization failures and deadlocks.
    pub conflicts: AtomicUsize,
    /// Unique and foreign keys that another editor's transaction broke.
    pub constraints: AtomicUsize,
    /// Errors that are none of these.
    pub failures: Mutex<Vec<String>>,
}

impl Desk {
    pub fn new(stop_at: Instant) -> Self {
        Self {
            content: Content::new(),
            tokens: Tokens::default(),
            statements: watch::Sender::new(0),
            stop_at,
            committed: AtomicUsize::default(),
            rolled_back: AtomicUsize::default(),
            conflicts: AtomicUsize::default(),
            constraints: AtomicUsize::default(),
            failures: Mutex::default(),
        }
    }

    pub fn is_over(&self) -> bool {
        Instant::now() >= self.stop_at
    }

    /// Waits until others have run this many more statements.
    pub async fn others(&self, statements: u64, longest: Duration) {
        let mut now = self.statements.subscribe();
        let target = *now.borrow() + statements;
        // Too late is a pause as well.
        let _ = timeout(longest, now.wait_for(|now| *now >= target)).await;
    }
}

/// Edits until the time is over; `announce` is told of some transactions shortly before they commit.
pub async fn edit(desk: &Desk, mut session: PgConnection, mut rng: Rng, announce: impl Fn(u64)) {
    while !desk.is_over() {
        let statements = transaction(desk, &mut rng);
        match send(desk, &mut session, &mut rng, &statements, &announce).await {
            Ok(true) => desk.committed.fetch_add(1, Ordering::Relaxed),
            Ok(false) => desk.rolled_back.fetch_add(1, Ordering::Relaxed),
            Err(error) => {
                if run(&mut session, "rollback").await.is_err() {
                    desk.failures.lock().unwrap().push(format!("{error:?}"));
                    return;
                }
                let code = error.as_database_error().and_then(|error| error.code());
                match code.as_deref() {
                    Some("40001" | "40P01") => desk.conflicts.fetch_add(1, Ordering::Relaxed),
                    Some("23503" | "23505") => desk.constraints.fetch_add(1, Ordering::Relaxed),
                    _ => {
                        let failure = format!("{error:?} in {statements:#?}");
                        desk.failures.lock().unwrap().push(failure);
                        0
                    }
                }
            }
        };
    }
}

/// A transaction's statements, the first and the last included.
fn transaction(desk: &Desk, rng: &mut Rng) -> Vec<String> {
    let isolation = match rng.u8(..5) {
        0 => "serializable",
        1 => "repeatable read",
        _ => "read committed",
    };
    let mut statements = vec![format!("begin isolation level {isolation}")];
    let mut content = desk.content.lock().unwrap();
    for number in 0..rng.u8(1..5) {
        let action = random_action(&mut content, rng, &desk.tokens);
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

/// Whether it was committed.
async fn send(
    desk: &Desk,
    session: &mut PgConnection,
    rng: &mut Rng,
    statements: &[String],
    announce: impl Fn(u64),
) -> Result<bool, sqlx::Error> {
    let (end, statements) = statements.split_last().unwrap();
    for statement in statements {
        run(session, statement).await?;
        desk.statements.send_modify(|count| *count += 1);
        if rng.u8(..3) == 0 {
            desk.others(rng.u64(1..7), LONGEST_PAUSE).await;
        }
    }
    if rng.u8(..4) == 0 {
        let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
            .fetch_one(&mut *session)
            .await?;
        announce(xid.parse().unwrap());
        if rng.bool() {
            desk.others(rng.u64(1..7), LONGEST_PAUSE).await;
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
