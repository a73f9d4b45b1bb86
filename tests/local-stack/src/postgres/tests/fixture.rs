//! A server with a database.

use sqlx::postgres::PgRow;

use crate::postgres::*;

/// A run with one server, a database `site`, and the replacement of `aws_lambda` in it.
pub struct Fixture {
    pub supervisor: Supervisor,
    pub postgres: Postgres,
}

/// Installs the environment with the wheel if necessary, and returns its path.
pub fn venv() -> PathBuf {
    let installed = std::process::Command::new("python3")
        .arg(testing::checkout().join("tools/venv.py"))
        .arg("postgres")
        .status()
        .unwrap();
    assert!(installed.success());
    testing::checkout().join(".local/venv/postgres")
}

impl Fixture {
    pub async fn start(name: &str) -> Self {
        let logs = testing::checkout().join(".local/logs");
        let supervisor = Supervisor::start(name, &logs).unwrap();
        let venv = venv();
        let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &Progress::quiet())
            .await
            .unwrap();
        postgres.create_database("site", None).await.unwrap();
        postgres.install_aws_lambda("site").await.unwrap();
        Self {
            supervisor,
            postgres,
        }
    }

    pub async fn master(&self) -> PgConnection {
        PgConnection::connect(&self.postgres.url("site"))
            .await
            .unwrap()
    }

    pub async fn with_endpoint(&self, endpoint: &str) -> PgConnection {
        self.postgres
            .set_lambda_endpoint("site", endpoint)
            .await
            .unwrap();
        self.master().await
    }
}

/// Runs a statement, and returns its first row.
pub async fn one(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<PgRow> {
    sqlx::raw_sql(sql).fetch_one(connection).await
}
