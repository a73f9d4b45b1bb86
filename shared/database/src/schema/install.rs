//! The installed version of the schema, and the migrations that bring it up to date.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::PgConnection;

/// The schema cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer version of wagrun has migrated the database. This program does not know its triggers and functions.
    #[error(
        "the database has schema version {installed} of wagrun, and this program knows versions up to {known}: \
         deploy the newer version of wagrun again, or restore the database from before it"
    )]
    Newer {
        /// The newest version in the database.
        installed: i64,
        /// The newest version that is built into this program.
        known: i64,
    },
    /// A migration failed, or an applied one differs from the one that is built in.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// The installed version cannot be read.
    #[error("cannot read the installed version of wagrun's schema")]
    Installed(#[from] sqlx::Error),
}

/// Creates or updates the schema. Does nothing when it is current, and is safe to run from two places at once.
///
/// # Errors
/// Fails when the schema is newer than this program, before anything is changed, and when a migration fails.
pub async fn migrate(connection: &mut PgConnection) -> Result<(), SchemaError> {
    let known = known_version();
    match installed_version(connection).await? {
        Some(installed) if installed > known => Err(SchemaError::Newer { installed, known }),
        _ => Ok(migrator().run(connection).await?),
    }
}

/// Creates the schema as it was at `version`, for tests of later migrations.
pub async fn migrate_to(connection: &mut PgConnection, version: i64) -> Result<(), SchemaError> {
    Ok(migrator().run_to(version, connection).await?)
}

/// Returns the newest version of the schema that this program can install.
pub fn known_version() -> i64 {
    migrator()
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// Returns the newest installed version, or `None` in a database without wagrun.
pub async fn installed_version(connection: &mut PgConnection) -> Result<Option<i64>, sqlx::Error> {
    if !table_exists(connection, "wagrun.schema_migration").await? {
        return Ok(None);
    }
    sqlx::query_scalar("select max(version) from wagrun.schema_migration where success")
        .fetch_one(connection)
        .await
}

/// Returns true when the database has a table of this name.
pub(super) async fn table_exists(
    connection: &mut PgConnection,
    table: &str,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(table)
        .fetch_one(connection)
        .await
}

fn migrator() -> Migrator {
    let mut migrator = sqlx::migrate!("./migrations");
    migrator.create_schema("wagrun");
    migrator.dangerous_set_table_name("wagrun.schema_migration");
    migrator
}
