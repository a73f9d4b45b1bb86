//! One PostgreSQL for the whole test program, and for each test a database of its own with a migrated Wagtail in it.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_config::{BehaviorVersion, SdkConfig};
use local_stack::postgres::{Durability, MASTER, Postgres, SUPERUSER};
use local_stack::tools::Tools;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testing::checkout;
use testing::process::Supervisor;
use testing::progress::Progress;
use testing::replay::recorded;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use wagrun_database::connection::DatabaseConfig;
use wagrun_database::outbox::{self, OutboxCursor};
use wagrun_database::schema::{self, WatchedTable};

/// The database that every test's is a copy of.
const TEMPLATE: &str = "migrated";
/// The function that the doorbell calls.
pub const DOORBELL: &str = "arn:aws:lambda:us-east-1:000000000000:function:content-events";
pub const WEB: &str = "wagtail_web";
pub const RELAY: &str = "wagrun_relay";

/// Servers outlive the test that started them, so all tests share one runtime.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SERVER: OnceCell<Server> = OnceCell::const_new();
/// A second server, because logical decoding has to wait for every transaction of its whole server.
static DECODED_SERVER: OnceCell<Server> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

struct Server {
    supervisor: Supervisor,
    postgres: Postgres,
}

/// Runs a test.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

/// A database with Wagtail's tables, wagrun's schema and every trigger, and nothing that is anybody else's.
pub struct Database {
    pub name: String,
    postgres: &'static Postgres,
}

impl Database {
    pub async fn new() -> Self {
        let server = SERVER.get_or_init(|| start("databases")).await;
        Self::on(&server.postgres).await
    }

    /// The same on a server that keeps what logical decoding needs.
    pub async fn decoded() -> Self {
        let server = DECODED_SERVER.get_or_init(start_decoded).await;
        Self::on(&server.postgres).await
    }

    async fn on(postgres: &'static Postgres) -> Self {
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        postgres
            .create_database(&name, Some(TEMPLATE))
            .await
            .unwrap();
        Self { name, postgres }
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        let server = SERVER.get_or_init(|| start("databases")).await;
        let postgres = &server.postgres;
        let name = format!("empty_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        postgres.create_database(&name, None).await.unwrap();
        Self { name, postgres }
    }

    /// A database as restored from a snapshot of this one, to which nobody may be connected.
    pub async fn copy(&self) -> Self {
        let name = format!("{}_copy", self.name);
        let copied = || self.postgres.create_database(&name, Some(&self.name));
        let deadline = soon();
        // The server takes a moment to end sessions that were closed.
        while let Err(error) = copied().await {
            assert!(tokio::time::Instant::now() < deadline, "{error:?}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Self {
            name,
            postgres: self.postgres,
        }
    }

    /// The role that owns the database, as a URL.
    pub fn url(&self) -> String {
        self.postgres.url(&self.name)
    }

    /// A session of the role that owns the database.
    pub async fn connect(&self) -> PgConnection {
        self.connect_as(MASTER).await
    }

    pub async fn connect_as(&self, role: &str) -> PgConnection {
        PgConnection::connect(&self.postgres.url_as(role, &self.name))
            .await
            .unwrap()
    }

    /// A session that sees and may end every other one's.
    pub async fn observer(&self) -> PgConnection {
        self.connect_as(SUPERUSER).await
    }

    /// How a function connects as this role.
    pub fn config(&self, role: &str) -> DatabaseConfig {
        let options: PgConnectOptions = self.postgres.url_as(role, &self.name).parse().unwrap();
        DatabaseConfig::trusted(options)
    }

    /// Where sessions that begin from now on find Lambda.
    pub async fn set_lambda_endpoint(&self, endpoint: &str) {
        self.postgres
            .set_lambda_endpoint(&self.name, endpoint)
            .await
            .unwrap();
    }

    pub fn server_log(&self) -> String {
        std::fs::read_to_string(self.postgres.log()).unwrap()
    }

    pub fn postgres(&self) -> &'static Postgres {
        self.postgres
    }
}

/// Runs statements that hold no values from outside; each that ends its line is sent, and committed, by itself.
pub async fn execute(connection: &mut PgConnection, statements: &str) {
    for statement in statements.split(";\n") {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

/// A table as Django would have it watched if it were the snippet's of this model, with every column captured.
pub fn snippet_table(table: &str, model: &str) -> WatchedTable {
    WatchedTable {
        table: table.to_owned(),
        kind: wagrun_database::ObjectKind::Snippet,
        model: model.to_owned(),
        object: model.to_owned(),
        key_column: "id".to_owned(),
        root: None,
        collection: None,
        fields: serde_json::Map::new(),
        withheld: Vec::new(),
        ignored: Vec::new(),
    }
}

/// Creates a table of these columns and watches it alone, as the snippets of `shop.<table>`.
pub async fn watch_snippets(session: &mut PgConnection, table: &str, columns: &str) {
    execute(session, &format!("create table {table} ({columns})")).await;
    let watched = snippet_table(table, &format!("shop.{table}"));
    schema::watch_tables(session, &[watched], soon())
        .await
        .unwrap();
}

/// Watches the table `note` as the snippets of `shop.note`, and `line` as their inline children, by its column `note_id`.
pub async fn watch_notes(session: &mut PgConnection) {
    let note = snippet_table("note", "shop.note");
    let lines = WatchedTable {
        table: "line".to_owned(),
        key_column: "note_id".to_owned(),
        root: Some("note".to_owned()),
        collection: Some("lines".to_owned()),
        ..note.clone()
    };
    schema::watch_tables(session, &[note, lines], soon())
        .await
        .unwrap();
}

/// Makes events of all that is committed, as a drainer does before it publishes.
pub async fn claim_everything(connection: &mut PgConnection) {
    let mut cursor = OutboxCursor::default();
    while outbox::claim(connection, &mut cursor).await.unwrap() {}
    for model in outbox::models_of_parts(connection).await.unwrap() {
        while outbox::add_present_state(connection, &model).await.unwrap() > 0 {}
    }
}

/// A configuration of the AWS SDK for an endpoint of the test's.
pub fn sdk(endpoint: &str) -> SdkConfig {
    testing::install_crypto();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(aws_config::Region::from_static("us-east-1"))
        .credentials_provider(
            aws_credential_types::provider::SharedCredentialsProvider::new(
                aws_credential_types::Credentials::new("test", "test", None, None, "test"),
            ),
        )
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ))
        .http_client(recorded(
            aws_smithy_http_client::Builder::new().build_http(),
        ))
        .endpoint_url(endpoint)
        .build()
}

/// The time at which a step that ought to be quick is given up.
pub fn soon() -> tokio::time::Instant {
    tokio::time::Instant::now() + std::time::Duration::from_secs(60)
}

/// What migrate is told, for a database of this server.
pub async fn migrate_config(database: DatabaseConfig) -> migrate::config::Config {
    let tools = Tools::install(checkout(), &Progress::quiet())
        .await
        .unwrap();
    migrate::config::Config {
        database,
        web_user: WEB.to_owned(),
        relay_user: RELAY.to_owned(),
        site_directory: checkout().join("site"),
        site_python: tools.program("site", "python"),
        doorbell_function: Some(DOORBELL.to_owned()),
        superuser_parameter: None,
        capture_migrations: false,
        watched_tables: Vec::new(),
    }
}

/// An invocation with the time that Lambda gives it.
pub fn ask() -> migrate::Ask {
    migrate::Ask {
        asked_by: "a test".to_owned(),
        deploy: None,
        capture: None,
        may_be_rollback: false,
        stop_at: tokio::time::Instant::now() + std::time::Duration::from_secs(800),
    }
}

async fn start_decoded() -> Server {
    let server = start("decoded-databases").await;
    let url = server.postgres.url_as(SUPERUSER, "postgres");
    local_stack::postgres::execute(&url, "alter system set wal_level = 'logical'")
        .await
        .unwrap();
    server.postgres.restart(&server.supervisor).await.unwrap();
    server
}

/// Starts a server with a migrated Wagtail; `name` tells its logs from those of another.
async fn start(name: &str) -> Server {
    let progress = Progress::quiet();
    let tools = Tools::install(checkout(), &progress).await.unwrap();
    let supervisor = Supervisor::start(name, &checkout().join(".local/logs")).unwrap();
    let venv = tools.environment("postgres");
    let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &progress)
        .await
        .unwrap();
    postgres.create_database(TEMPLATE, None).await.unwrap();
    let options: PgConnectOptions = postgres.url(TEMPLATE).parse().unwrap();
    let config = migrate_config(DatabaseConfig::trusted(options)).await;
    let nowhere = sdk("http://127.0.0.1:9");
    migrate::Migrator::new(config, &nowhere)
        .migrate(&ask())
        .await
        .unwrap();
    Server {
        supervisor,
        postgres,
    }
}
