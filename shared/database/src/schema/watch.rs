//! The tables that are watched: their triggers are made equal to what is wanted, one table at a time.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use sqlx::{Connection as _, Executor as _};
use tokio::time::{Instant, sleep};

use super::{ScheduledTable, WatchedTable};

/// The wait for a table's lock. Whoever wants to write to the table waits behind this, so it is short, and what
/// was not to be had is tried again.
const LOCK_TIMEOUT: &str = "set local lock_timeout = '100ms'";
/// The same for a table of wagrun's own, which nobody has a reason to lock.
const OWN_LOCK_TIMEOUT: &str = "set local lock_timeout = '10s'";
/// The pause after that, in which everybody who waited gets a turn.
const PAUSE: Duration = Duration::from_millis(400);

/// SQLSTATE of a lock that was not to be had in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";
/// SQLSTATE of an exception that a function of ours raised, in words for whoever configured it.
const RAISED: &str = "P0001";

/// The triggers can't be made what they should be; those of the tables before are.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A named table can't be captured.
    #[error("{0}")]
    Refused(String),
    /// Somebody has the table locked all the time.
    #[error(
        "no trigger could be put on {table} within {seconds} s, because {blockers}: end that, and migrate again"
    )]
    Locked {
        /// The table.
        table: String,
        /// The time for which it was tried.
        seconds: u64,
        /// The sessions that have it.
        blockers: String,
    },
    /// The database refused.
    #[error("can't set the triggers of {table}")]
    Database {
        /// The table.
        table: String,
        /// Why.
        source: sqlx::Error,
    },
}

/// The tables that somebody watches by name, as entries; those among `discovered` are left out, and
/// one that is named twice comes once.
///
/// # Errors
/// [`WatchError::Refused`] for a table that can't be captured as asked, with the reason.
pub async fn named_tables(
    connection: &mut PgConnection,
    names: &[String],
    discovered: &[WatchedTable],
) -> Result<Vec<WatchedTable>, WatchError> {
    let mut known: Vec<String> = discovered.iter().map(|it| it.table.clone()).collect();
    let mut tables: Vec<WatchedTable> = Vec::new();
    for name in names {
        let described: Result<Option<Json<WatchedTable>>, _> =
            sqlx::query_scalar("select wagrun.describe_table($1, $2)")
                .bind(name)
                .bind(&known)
                .fetch_one(&mut *connection)
                .await;
        match described {
            Ok(Some(Json(table))) => {
                known.push(table.table.clone());
                tables.push(table);
            }
            Ok(None) => {}
            Err(error) => return Err(refusal(name, error)),
        }
    }
    Ok(tables)
}

/// Makes the watched tables exactly these, attaching and detaching triggers; returns how many there are.
pub async fn watch(
    connection: &mut PgConnection,
    tables: &[WatchedTable],
    stop_at: Instant,
) -> Result<usize, WatchError> {
    let listed = "select wagrun.stray_tables($1)";
    let wanted: Vec<&str> = tables.iter().map(|it| it.table.as_str()).collect();
    for stale in stale(connection, listed, &wanted).await? {
        let unwatch = "select wagrun.unwatch_table($1::text::regclass)";
        alone(connection, &stale, stop_at, || {
            sqlx::query(unwatch).bind(&stale)
        })
        .await?;
    }
    for table in tables {
        let watch = "select wagrun.watch_table($1)";
        alone(connection, &table.table, stop_at, || {
            sqlx::query(watch).bind(Json(table))
        })
        .await?;
    }
    Ok(tables.len())
}

/// Makes the tables with due times exactly these, attaching and detaching triggers.
pub async fn watch_schedules(
    connection: &mut PgConnection,
    tables: &[ScheduledTable],
    stop_at: Instant,
) -> Result<(), WatchError> {
    let listed = "select relation::text from wagrun.scheduled_table
                  where relation <> all (select name::regclass from unnest($1::text[]) as name)";
    let wanted: Vec<&str> = tables.iter().map(|it| it.table.as_str()).collect();
    for stale in stale(connection, listed, &wanted).await? {
        let unwatch = "select wagrun.unwatch_due_times($1::text::regclass)";
        alone(connection, &stale, stop_at, || {
            sqlx::query(unwatch).bind(&stale)
        })
        .await?;
    }
    for table in tables {
        let watch = "select wagrun.watch_due_times($1)";
        alone(connection, &table.table, stop_at, || {
            sqlx::query(watch).bind(Json(table))
        })
        .await?;
    }
    let note = sqlx::query("select wagrun.note_due_times()");
    note.execute(connection)
        .await
        .map(drop)
        .map_err(of("what is due"))
}

async fn stale(
    connection: &mut PgConnection,
    listed: &'static str,
    wanted: &[&str],
) -> Result<Vec<String>, WatchError> {
    let listed = async {
        let mut transaction = connection.begin().await?;
        transaction.execute(OWN_LOCK_TIMEOUT).await?;
        let stale = sqlx::query_scalar(listed).bind(wanted);
        let stale = stale.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(stale)
    };
    listed
        .await
        .map_err(of("tables that are no content any more"))
}

/// Runs a statement about one table in a transaction of its own, again and again until the table's lock is to be had.
async fn alone<'q>(
    connection: &mut PgConnection,
    table: &str,
    stop_at: Instant,
    statement: impl Fn() -> Query<'q>,
) -> Result<(), WatchError> {
    let started = Instant::now();
    loop {
        let Err(error) = once(connection, statement()).await else {
            return Ok(());
        };
        if code(&error).as_deref() != Some(LOCK_NOT_AVAILABLE) {
            return Err(refusal(table, error));
        }
        if Instant::now() + PAUSE >= stop_at {
            return Err(WatchError::Locked {
                table: table.to_owned(),
                seconds: started.elapsed().as_secs(),
                blockers: blockers(connection, table).await.map_err(of(table))?,
            });
        }
        sleep(PAUSE).await;
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

async fn once(connection: &mut PgConnection, statement: Query<'_>) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    transaction.execute(LOCK_TIMEOUT).await?;
    statement.execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Names the sessions that have the table locked, in words.
async fn blockers(connection: &mut PgConnection, table: &str) -> Result<String, sqlx::Error> {
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
        "others had it locked".to_owned()
    } else {
        sessions.join(", ")
    })
}

fn refusal(table: &str, error: sqlx::Error) -> WatchError {
    match &error {
        sqlx::Error::Database(raised) if code(&error).as_deref() == Some(RAISED) => {
            WatchError::Refused(raised.message().to_owned())
        }
        _ => of(table)(error),
    }
}

fn of(table: &str) -> impl FnOnce(sqlx::Error) -> WatchError {
    move |source| WatchError::Database {
        table: table.to_owned(),
        source,
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}
