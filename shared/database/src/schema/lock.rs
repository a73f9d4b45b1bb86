//! The lock that makes migrate single: a session advisory lock, which ends with its session however that ends.

use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgConnection;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

/// Any constant that nothing else in the database uses.
const MIGRATION_LOCK: i64 = 0x7761_6772_756e_0002;

/// How often a lock that is taken is tried again; each try is one query of a millisecond.
const PAUSE: Duration = Duration::from_millis(250);
/// How often whoever waits says for whom.
const REMINDER: Duration = Duration::from_secs(15);
/// How often the lock's session is used, so that the server does not take it for forgotten.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long the answer to one may take; a half-open connection never answers.
const LONGEST_ANSWER: Duration = Duration::from_secs(15);

/// What the sessions of a run's children call themselves begins with this.
const CHILD: &str = "wagrun manage.py";

/// Who has the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Holder {
    /// What its session calls itself, such as `wagrun migrate 3f2a…`.
    pub application_name: String,
    /// Its server process.
    pub pid: i32,
    /// Its address; none over a socket.
    pub address: Option<String>,
    /// Since when the session is open, RFC 3339 in UTC.
    pub since: String,
}

impl std::fmt::Display for Holder {
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

/// The lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else held it for all of the time.
    #[error("the migration lock was not free within {seconds} s; {holder} has it")]
    Taken {
        /// How long this waited.
        seconds: u64,
        /// Who had it last, as far as the server could tell.
        holder: String,
    },
    /// The database went away.
    #[error("can't ask for the migration lock")]
    Database(#[from] sqlx::Error),
}

/// The session that has the lock stopped answering, so that somebody else may have it by now.
#[derive(Debug, thiserror::Error)]
#[error("the session with the migration lock was lost")]
pub struct LockLost {
    source: Option<sqlx::Error>,
}

/// A session that has the lock.
#[derive(Debug)]
pub struct Locked<'a> {
    connection: &'a mut PgConnection,
}

/// Waits for the lock until `give_up_at`, and says in the log for whom.
pub async fn lock_migration(
    connection: &mut PgConnection,
    give_up_at: Instant,
) -> Result<Locked<'_>, LockError> {
    let started = Instant::now();
    let mut remind_at = started;
    loop {
        let taken: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
            .bind(MIGRATION_LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if taken {
            return Ok(Locked { connection });
        }
        let now = Instant::now();
        if now >= remind_at || now >= give_up_at {
            let holder = lock_holder(connection).await?;
            let holder = holder.map_or_else(|| "nobody any more".to_owned(), |it| it.to_string());
            if now >= give_up_at {
                let seconds = started.elapsed().as_secs();
                return Err(LockError::Taken { seconds, holder });
            }
            tracing::info!(holder, "waiting for the migration lock");
            remind_at = now + REMINDER;
        }
        sleep(PAUSE.min(give_up_at - now)).await;
    }
}

/// Who has the lock now.
pub async fn lock_holder(connection: &mut PgConnection) -> Result<Option<Holder>, sqlx::Error> {
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

/// What the sessions of this run's children call themselves, by which a later run finds those that outlived it.
pub fn child_name(run: &str) -> String {
    format!("{CHILD} {run}")
}

/// Ends the sessions of children whose run is over, and waits until they have ended; returns how many there were.
///
/// A run that is killed leaves `manage.py` behind, whose statement would go on beside the next run's. Only who has the
/// lock may call this, as whoever had it before is gone.
pub async fn end_sessions_of_earlier_runs(
    connection: &mut PgConnection,
) -> Result<usize, sqlx::Error> {
    let ended: Vec<bool> = sqlx::query_scalar(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity
         where datname = current_database() and usename = current_user and starts_with(application_name, $1)",
    )
    .bind(CHILD)
    .fetch_all(&mut *connection)
    .await?;
    // The answer is false for a session that had gone by itself, too.
    let left: bool = sqlx::query_scalar(
        "select exists (select from pg_stat_activity
         where datname = current_database() and usename = current_user and starts_with(application_name, $1))",
    )
    .bind(CHILD)
    .fetch_one(connection)
    .await?;
    if left {
        let what = "a session of an earlier run does not end within 10 s";
        return Err(sqlx::Error::Protocol(what.to_owned()));
    }
    Ok(ended.len())
}

impl Locked<'_> {
    /// The session itself, for what is done under the lock.
    pub fn connection(&mut self) -> &mut PgConnection {
        self.connection
    }

    /// Does `work` elsewhere while this session keeps the lock; gives it up, unfinished, as soon as the lock is lost.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, LockLost> {
        let mut beats = interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => {
                    // Work that was done without the lock is worth nothing.
                    self.beat().await?;
                    return Ok(result);
                }
                _ = beats.tick() => self.beat().await?,
            }
        }
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// When this session did not have it any more, so that another run may have run beside this one.
    pub async fn unlock(self) -> Result<(), LockLost> {
        let unlock = sqlx::query_scalar("select pg_advisory_unlock($1)").bind(MIGRATION_LOCK);
        match timeout(LONGEST_ANSWER, unlock.fetch_one(self.connection)).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) | Err(_) => Err(LockLost { source: None }),
            Ok(Err(source)) => Err(LockLost {
                source: Some(source),
            }),
        }
    }

    async fn beat(&mut self) -> Result<(), LockLost> {
        let beat = sqlx::query("select 1").execute(&mut *self.connection);
        match timeout(LONGEST_ANSWER, beat).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(source)) => Err(LockLost {
                source: Some(source),
            }),
            Err(_) => Err(LockLost { source: None }),
        }
    }
}
