//! The local stacks of the test program. Tests share them, because a stack is slow to start.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local_stack::postgres::SUPERUSER;
use local_stack::stack::{LocalStack, StackOptions};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testing::progress::{Progress, Wait, wait_until};
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use wagrun_lambda::telemetry::chain;

use super::runtime::WAIT_TIMEOUT;
use super::sql::WEB_ROLE;

/// The subscriber that receives every event of the stack.
pub const CATCH_ALL: &str = "everything";

static STACK: OnceCell<Result<TestStack, String>> = OnceCell::const_new();
static LOG_DOORBELL_STACK: OnceCell<Result<TestStack, String>> = OnceCell::const_new();
/// A test that breaks a shared part of the stack holds this lock for writing; every other test holds it for reading.
static ACCESS_LOCK: LazyLock<RwLock<()>> = LazyLock::new(RwLock::default);

/// A running stack, with the subscriber [`CATCH_ALL`].
pub struct TestStack {
    pub local: LocalStack,
}

/// The number of violations of AWS's models for which a test has already failed.
static REPORTED_VIOLATIONS: AtomicUsize = AtomicUsize::new(0);

/// The right to use a stack, which a test holds until its end. A test that took two could wait for itself.
///
/// On drop the test fails if a request of any test was not allowed by AWS's own models.
#[expect(dead_code, reason = "the guards are held and never read")]
pub enum StackAccess {
    Shared(RwLockReadGuard<'static, ()>),
    Exclusive(RwLockWriteGuard<'static, ()>),
    /// No test breaks the stack with the log doorbell, so that it needs no lock.
    LogDoorbell,
}

impl StackAccess {
    /// Waits until no test has exclusive access.
    pub async fn shared() -> Self {
        Self::Shared(ACCESS_LOCK.read().await)
    }

    /// Waits until no other test uses the stack, and keeps the others waiting until the end of this test.
    pub async fn exclusive() -> Self {
        Self::Exclusive(ACCESS_LOCK.write().await)
    }
}

impl Drop for StackAccess {
    fn drop(&mut self) {
        let stacks = [&STACK, &LOG_DOORBELL_STACK].into_iter();
        let started = stacks.filter_map(|stack| stack.get()?.as_ref().ok());
        let violations: Vec<_> = started
            .flat_map(|stack| stack.local.emulator.violations().unwrap())
            .collect();
        let reported = REPORTED_VIOLATIONS.fetch_max(violations.len(), Ordering::SeqCst);
        if reported >= violations.len() {
            return;
        }
        let violations = violations.join("\n");
        // A second panic in a test that fails already would end the program.
        if std::thread::panicking() {
            eprintln!("requests that AWS does not know:\n{violations}");
        } else {
            panic!("requests that AWS does not know:\n{violations}");
        }
    }
}

impl TestStack {
    /// Returns the stack that most tests share. The first call starts it.
    pub async fn get() -> &'static Self {
        let start = || Self::start(StackOptions::new("e2e"));
        Self::started(STACK.get_or_init(start).await)
    }

    /// Returns a second stack, whose database rings only through its log. The first call starts it.
    pub async fn with_log_doorbell() -> &'static Self {
        let start = || {
            Self::start(StackOptions {
                rings_by_log: true,
                ..StackOptions::new("e2e-by-log")
            })
        };
        Self::started(LOG_DOORBELL_STACK.get_or_init(start).await)
    }

    fn started(stack: &Result<Self, String>) -> &Self {
        match stack {
            Ok(stack) => stack,
            Err(error) => panic!("the local stack did not start: {error}"),
        }
    }

    async fn start(mut options: StackOptions) -> Result<Self, String> {
        options.subscribers = vec![(CATCH_ALL.to_owned(), json!({}))];
        // Deliveries are given up soon. The second retry delay is long enough for other steps of a test.
        options.parameters.extend([
            ("DeliveryRetrySeconds", "1,6".to_owned()),
            ("DeliveryMaxAttempts", "3".to_owned()),
        ]);
        options.requests = Some(testing::checkout().join(".local/requests"));
        let stack = LocalStack::start(options).await;
        stack
            .map(|local| Self { local })
            .map_err(|error| chain(&error))
    }

    /// Connects to the site's database as the role that owns it.
    pub async fn database(&self) -> PgConnection {
        PgConnection::connect(&self.local.database_url())
            .await
            .unwrap()
    }

    /// Connects to the site's database as the role of the site.
    pub async fn web(&self) -> PgConnection {
        PgConnection::connect(&self.local.postgres.url_as(WEB_ROLE, &self.local.database))
            .await
            .unwrap()
    }

    /// Runs a management command as the site would, and returns its standard output.
    pub async fn manage(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::new(self.local.tools.program("site", "python"));
        command
            .arg("manage.py")
            .args(arguments)
            .current_dir(testing::checkout().join("site"))
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", self.local.postgres.port().to_string())
            .env("DATABASE_NAME", &self.local.database)
            .env("DATABASE_USER", WEB_ROLE)
            .env("DATABASE_SSL_MODE", "disable")
            .env_remove("DATABASE_PASSWORD")
            .env("SECRET_KEY", "of a test")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .kill_on_drop(true);
        let output = tokio::time::timeout(WAIT_TIMEOUT, command.output())
            .await
            .unwrap_or_else(|_| panic!("manage.py {arguments:?} did not end"))
            .unwrap();
        assert!(
            output.status.success(),
            "manage.py {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns once a query about sessions finds no row. The site's database is its parameter `$1`.
    pub async fn wait_until_empty(&self, what: &str, query: &'static str) {
        let url = self.local.postgres.url_as(SUPERUSER, "postgres");
        let poll = || async {
            // The session is in another database, so that it does not find itself.
            let mut observer = PgConnection::connect(&url).await?;
            let rows: Vec<String> = sqlx::query_scalar(query)
                .bind(&self.local.database)
                .fetch_all(&mut observer)
                .await?;
            observer.close().await?;
            Ok::<_, sqlx::Error>(match rows.as_slice() {
                [] => Wait::Ready(()),
                rows => Wait::NotYet(rows.join(", ")),
            })
        };
        // Far below the server's limit on an idle session, which would hide a session that was left open.
        wait_until(&Progress::quiet(), what, Duration::from_secs(30), poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
    }

    /// Returns once content-events waits for an open transaction.
    pub async fn wait_until_content_events_waits(&self) {
        self.wait_until_empty(
            "content-events to look at the open transaction",
            "select 'not there' where not exists (
                 select from pg_stat_activity where datname = $1
                     and application_name like 'wagrun%' and query like '%pg_xact_status%')",
        )
        .await;
    }
}
