//! The lock that lets one migrate run at a time. It is a session advisory lock, so it ends with its session.

use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep, timeout};

use super::session::{ANSWER_TIMEOUT, SessionLost, keep_in_use};

/// The key of the advisory lock: a constant that nothing else in the database uses.
const MIGRATION_LOCK: i64 = 0x7761_6772_756e_0002;

/// Interval at which a lock that is taken is tried again. Each try is one query of a millisecond.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);
/// Interval at which a waiting run logs the holder of the lock.
const LOG_INTERVAL: Duration = Duration::from_secs(15);

/// The prefix of the `application_name` of the sessions of a run's child processes.
const CHILD_PREFIX: &str = "wagrun manage.py";

/// The session that holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct LockHolder {
    /// The `application_name` of the session, such as `wagrun migrate 3f2a…`.
    pub application_name: String,
    /// The id of its server process.
    pub pid: i32,
    /// The client's address, or `None` over a socket.
    pub address: Option<String>,
    /// The start time of the session, as RFC 3339 in UTC.
    pub since: String,
}

impl std::fmt::Display for LockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            application_name,
            pid,
            address,
            since,
        } = self;
        let address = address.as_deref().unwrap_or("a socket");
        write!(
            f,
            "{application_name:?} (process {pid}, from {address}, since {since})"
        )
    }
}

/// The lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another session held it for the whole wait.
    #[error("the migration lock was not free within {seconds} s; {holder} has it")]
    Taken {
        /// The wait in seconds.
        seconds: u64,
        /// The last holder that the server named.
        holder: String,
    },
    /// The database refused the query or closed the connection.
    #[error("cannot ask for the migration lock")]
    Database(#[from] sqlx::Error),
}

/// The session with the lock was lost, so another run may hold the lock now.
#[derive(Debug, thiserror::Error)]
#[error("the session with the migration lock was lost")]
pub struct LockLost {
    source: Option<sqlx::Error>,
}

impl From<SessionLost> for LockLost {
    fn from(lost: SessionLost) -> Self {
        Self {
            source: lost.source,
        }
    }
}

/// The migration lock, held by the session of this connection.
#[derive(Debug)]
pub struct MigrationLock<'a> {
    connection: &'a mut PgConnection,
}

/// Waits for the lock until `give_up_at`, and logs the session that holds it.
pub async fn lock_migration(
    connection: &mut PgConnection,
    give_up_at: Instant,
) -> Result<MigrationLock<'_>, LockError> {
    let started = Instant::now();
    let mut log_at = started;
    loop {
        let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if taken {
            return Ok(MigrationLock { connection });
        }
        let now = Instant::now();
        if now >= log_at || now >= give_up_at {
            let holder = lock_holder(connection).await?;
            let holder =
                holder.map_or_else(|| "no session any more".to_owned(), |it| it.to_string());
            if now >= give_up_at {
                let seconds = started.elapsed().as_secs();
                return Err(LockError::Taken { seconds, holder });
            }
            tracing::info!(holder, "waiting for the migration lock");
            log_at = now + LOG_INTERVAL;
        }
        sleep(RETRY_INTERVAL.min(give_up_at - now)).await;
    }
}

/// Returns the session that holds the lock now.
pub async fn lock_holder(connection: &mut PgConnection) -> Result<Option<LockHolder>, sqlx::Error> {
    sqlx::query_as(
        r#"select application_name, pid, host(client_addr) as address,
               coalesce(to_char(backend_start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'a time that this role may not see') as since
           from pg_locks join pg_stat_activity using (pid)
           where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
               and classid = ($1 >> 32)::int8::oid and objid = ($1 & 4294967295)::int8::oid and objsubid = 1"#,
    )
    .bind(MIGRATION_LOCK)
    .fetch_optional(connection)
    .await
}

/// Returns the `application_name` for the sessions of this run's child processes.
///
/// A later run finds the sessions that outlived their run by this name.
pub fn child_session_name(run: &str) -> String {
    format!("{CHILD_PREFIX} {run}")
}

/// Ends the sessions of child processes whose run is over, and waits until they have ended. Returns their number.
///
/// A run that is killed leaves `manage.py` behind, and its statement would go on beside those of the next run. The caller
/// must hold the lock, which shows that the earlier run is over.
pub async fn end_sessions_of_earlier_runs(
    connection: &mut PgConnection,
) -> Result<usize, sqlx::Error> {
    let ended: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity
         where datname = current_database() and usename = current_user and starts_with(application_name, $1)",
    )
    .bind(CHILD_PREFIX)
    .fetch_all(&mut *connection)
    .await?;
    // The answer is also false for a session that had ended by itself.
    let left: bool = sqlx::query_scalar(
        "select exists (select from pg_stat_activity
         where datname = current_database() and usename = current_user and starts_with(application_name, $1))",
    )
    .bind(CHILD_PREFIX)
    .fetch_one(connection)
    .await?;
    if left {
        let what = "a session of an earlier run does not end within 10 s";
        return Err(sqlx::Error::Protocol(what.to_owned()));
    }
    Ok(ended.len())
}

impl MigrationLock<'_> {
    /// Returns the session, for statements under the lock.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.connection
    }

    /// Runs `work`, which does not use this session, while the session keeps the lock.
    ///
    /// # Errors
    /// Drops `work` unfinished as soon as the lock is lost.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, LockLost> {
        Ok(keep_in_use(self.connection, work).await?)
    }

    /// Releases the lock.
    ///
    /// # Errors
    /// Fails when this session no longer held the lock, so another run may have run beside this one.
    pub async fn unlock(self) -> Result<(), LockLost> {
        let unlock = sqlx::query_scalar("select pg_advisory_unlock($1)").bind(MIGRATION_LOCK);
        match timeout(ANSWER_TIMEOUT, unlock.fetch_one(self.connection)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) | Err(_) => Err(LockLost { source: None }),
            Ok(Err(source)) => Err(LockLost {
                source: Some(source),
            }),
        }
    }
}
