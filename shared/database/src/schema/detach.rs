//! Removes wagrun from a database: the triggers, the schema and the relay role. The site and its data stay as they are.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use tokio::time::Instant;

use super::install::installed_version;
use super::watch::{WatchError, unwatch_all};

/// wagrun could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// A table could not be locked. The triggers of the tables before it are gone.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// Captured changes wait for their publication. They would be lost with the schema.
    #[error(
        "the triggers are removed, but {0} rows of captured changes are not published yet: detach again when content-events has \
         published them, and those that are set apart are discarded"
    )]
    Unpublished(i64),
    /// The database returned an error.
    #[error("cannot remove wagrun from the database")]
    Database(#[from] sqlx::Error),
}

/// The result of [`detach`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detached {
    /// The number of tables whose triggers were removed.
    pub tables: usize,
    /// The things that wagrun may have made and that stay, for people.
    pub kept: Vec<String>,
}

/// Removes wagrun. A database without it stays as it is.
///
/// Each trigger waits a tenth of a second for its table, and tries again until `stop_at`, so that no editor waits longer. The role of
/// the web service keeps its rights, because the site may connect with it.
///
/// # Errors
/// Fails if changes are not published yet. The triggers are gone then, and the schema is there.
pub async fn detach(
    connection: &mut PgConnection,
    web: &str,
    relay: &str,
    stop_at: Instant,
) -> Result<Detached, DetachError> {
    let mut detached = Detached::default();
    if installed_version(connection).await?.is_some() {
        detached.tables = unwatch_all(connection, stop_at).await?;
        let unpublished: i64 = sqlx::query_scalar(
            "select (select count(*) from wagrun.outbox) + (select count(*) from wagrun.event where settled_at is null)",
        )
        .fetch_one(&mut *connection)
        .await?;
        if unpublished > 0 {
            return Err(DetachError::Unpublished(unpublished));
        }
    }
    drop_schema(connection, web).await?;
    detached.kept = drop_relay(connection, relay).await?;
    let has_extension: bool =
        sqlx::query_scalar("select exists (select from pg_extension where extname = 'aws_lambda')")
            .fetch_one(&mut *connection)
            .await?;
    if has_extension {
        let kept = "the extension aws_lambda, which others may use".to_owned();
        detached.kept.push(kept);
    }
    detached.kept.push(format!(
        "the role {web} with its rights, because the site may connect with it"
    ));
    Ok(detached)
}

async fn drop_schema(connection: &mut PgConnection, web: &str) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    transaction
        .execute("set local lock_timeout = '10s'")
        .await?;
    transaction
        .execute("drop schema if exists wagrun cascade")
        .await?;
    // The rights on tables that come later were granted for new versions of the site by migrate.
    let statements: Vec<String> = sqlx::query_scalar(
        "select format('alter default privileges in schema public revoke all on %s from %I', kind, $1)
         from unnest(array['tables', 'sequences']) as kind where exists (select from pg_roles where rolname = $1)",
    )
    .bind(web)
    .fetch_all(&mut *transaction)
    .await?;
    for statement in statements {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await
}

/// Drops the role, unless it owns something or is in use in another database. Returns what stays.
async fn drop_relay(
    connection: &mut PgConnection,
    relay: &str,
) -> Result<Vec<String>, sqlx::Error> {
    // An owner is a role of somebody else's: dropping what it owns would drop content.
    let state: Option<(bool, bool)> = sqlx::query_as(
        "select exists (select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = pg_roles.oid and deptype = 'o'),
                exists (select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = pg_roles.oid
                        and dbid <> 0 and dbid <> (select oid from pg_database where datname = current_database()))
         from pg_roles where rolname = $1",
    )
    .bind(relay)
    .fetch_optional(&mut *connection)
    .await?;
    let reason = match state {
        None => return Ok(Vec::new()),
        Some((true, _)) => "it owns something",
        Some((_, true)) => "another database of this server grants it rights",
        Some((false, false)) => {
            let statements: Vec<String> = sqlx::query_scalar(
                "select format(statement, $1) from unnest(array[
                     'grant %I to current_user', 'drop owned by %I', 'drop role %I']) as statement",
            )
            .bind(relay)
            .fetch_all(&mut *connection)
            .await?;
            let mut transaction = connection.begin().await?;
            for statement in statements {
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            return Ok(Vec::new());
        }
    };
    Ok(vec![format!("the role {relay}, because {reason}")])
}
