//! Work that needs a table's lock: in tries that are short, because every writer of the table waits behind a try.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::time::{Instant, sleep};

/// Sets the wait for a table's lock.
const SET_LOCK_TIMEOUT: &str = "set local lock_timeout = '100ms'";
/// Pause before the next try, in which the waiting writers get their turn.
const RETRY_INTERVAL: Duration = Duration::from_millis(400);
/// SQLSTATE `lock_not_available`: a lock could not be taken in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A statement about one table.
pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

/// The result of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The work is done.
    Done,
    /// Another session holds a lock that the work needs. Nothing was changed.
    Locked,
}

/// Tries again until the work is done. Returns the time that was spent when no more try can begin before `stop_at`.
pub(super) async fn retry<E>(
    connection: &mut PgConnection,
    stop_at: Instant,
    mut attempt: impl AsyncFnMut(&mut PgConnection) -> Result<Attempt, E>,
) -> Result<Result<(), Duration>, E> {
    let started = Instant::now();
    loop {
        if attempt(connection).await? == Attempt::Done {
            return Ok(Ok(()));
        }
        if Instant::now() + RETRY_INTERVAL >= stop_at {
            return Ok(Err(started.elapsed()));
        }
        sleep(RETRY_INTERVAL).await;
    }
}

/// Runs a statement about one table in a transaction of its own.
pub(super) async fn try_once(
    connection: &mut PgConnection,
    statement: Query<'_>,
) -> Result<Attempt, sqlx::Error> {
    let work = async {
        let mut transaction = connection.begin().await?;
        transaction.execute(SET_LOCK_TIMEOUT).await?;
        statement.execute(&mut *transaction).await?;
        transaction.commit().await
    };
    match work.await {
        Ok(()) => Ok(Attempt::Done),
        Err(error) if is_lock_not_available(&error) => Ok(Attempt::Locked),
        Err(error) => Err(error),
    }
}

/// Describes up to three sessions that hold a lock of the table.
pub(super) async fn blockers(
    connection: &mut PgConnection,
    table: &str,
) -> Result<String, sqlx::Error> {
    let sessions: Vec<String> = sqlx::query_scalar(
        "select format('session %s of %s (%s) has it locked since %s',
                       activity.pid, activity.usename, activity.application_name, activity.xact_start)
         from pg_locks as held join pg_stat_activity as activity using (pid)
         where held.relation = to_regclass($1) and held.granted and held.pid <> pg_backend_pid()
         group by activity.pid, activity.usename, activity.application_name, activity.xact_start
         order by activity.xact_start limit 3",
    )
    .bind(table)
    .fetch_all(connection)
    .await?;
    Ok(if sessions.is_empty() {
        "others had it locked, or content-events was publishing".to_owned()
    } else {
        sessions.join(", ")
    })
}

fn is_lock_not_available(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some(LOCK_NOT_AVAILABLE)
}
