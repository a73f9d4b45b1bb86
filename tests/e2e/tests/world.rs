//! One local stack for the whole test program, and what a test does to it besides clicking.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use local_stack::stack::{LocalStack, StackOptions};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use wagrun_lambda::telemetry::chain;

use crate::databases::WEB;

/// The subscriber that receives every event of the stack.
pub const EVERYTHING: &str = "everything";
/// Long enough for a machine that also compiles; nothing waits this long unless it is lost.
pub const PATIENCE: Duration = Duration::from_secs(60);

static WORLD: OnceCell<Result<World, String>> = OnceCell::const_new();
static WORLD_BY_LOG: OnceCell<Result<World, String>> = OnceCell::const_new();
/// Held for writing by a test that breaks something which others need.
static FAULTS: LazyLock<RwLock<()>> = LazyLock::new(RwLock::default);

/// The running stack.
pub struct World {
    pub stack: LocalStack,
}

/// The violations that some test has failed for.
static REPORTED: AtomicUsize = AtomicUsize::new(0);

/// The right to use the stack; a test takes one only, or it may wait for itself. When a test is done with it, it fails
/// if anybody has meanwhile asked AWS for something that AWS's own models don't allow.
#[expect(dead_code, reason = "held, and never looked at")]
pub enum Turn {
    WithOthers(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
    /// The other stack is broken by nobody.
    ByLog,
}

impl Turn {
    pub async fn with_others() -> Self {
        Self::WithOthers(FAULTS.read().await)
    }

    /// Waits until nobody else uses the stack, and lets nobody begin.
    pub async fn alone() -> Self {
        Self::Alone(FAULTS.write().await)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let worlds = [&WORLD, &WORLD_BY_LOG].into_iter();
        let worlds = worlds.filter_map(|world| world.get()?.as_ref().ok());
        let violations: Vec<_> = worlds
            .flat_map(|world| world.stack.emulator.violations().unwrap())
            .collect();
        let reported = REPORTED.fetch_max(violations.len(), Ordering::SeqCst);
        if reported >= violations.len() {
            return;
        }
        let violations = violations.join("\n");
        // A test that fails already may do so because of them; a second panic would end the program.
        if std::thread::panicking() {
            eprintln!("requests that AWS does not know:\n{violations}");
        } else {
            panic!("requests that AWS does not know:\n{violations}");
        }
    }
}

impl World {
    /// The one of this program, started by whoever asks first.
    pub async fn get() -> &'static Self {
        let start = || Self::start(StackOptions::new("e2e"));
        Self::started(WORLD.get_or_init(start).await)
    }

    /// Another one, whose database rings by its log alone.
    pub async fn by_log() -> &'static Self {
        let start = || {
            Self::start(StackOptions {
                rings_by_log: true,
                ..StackOptions::new("e2e-by-log")
            })
        };
        Self::started(WORLD_BY_LOG.get_or_init(start).await)
    }

    fn started(world: &Result<Self, String>) -> &Self {
        match world {
            Ok(world) => world,
            Err(error) => panic!("the local stack did not start: {error}"),
        }
    }

    async fn start(mut options: StackOptions) -> Result<Self, String> {
        options.subscribers = vec![(EVERYTHING.to_owned(), json!({}))];
        // Two waits, the second long enough to do something else in it, and a delivery that is given up soon.
        options.parameters.extend([
            ("DeliveryRetrySeconds", "1,6".to_owned()),
            ("DeliveryMaxAttempts", "3".to_owned()),
        ]);
        options.requests = Some(testing::checkout().join(".local/requests"));
        let stack = LocalStack::start(options).await;
        stack
            .map(|stack| Self { stack })
            .map_err(|error| chain(&error))
    }

    /// A session of the role that owns the database.
    pub async fn database(&self) -> PgConnection {
        PgConnection::connect(&self.stack.database_url())
            .await
            .unwrap()
    }

    /// A session of the role that the site has.
    pub async fn web(&self) -> PgConnection {
        PgConnection::connect(&self.stack.postgres.url_as(WEB, &self.stack.database))
            .await
            .unwrap()
    }

    /// Runs a management command as the site would, and returns what it printed.
    pub async fn manage(&self, arguments: &[&str]) -> String {
        let mut command = tokio::process::Command::new(self.stack.tools.program("site", "python"));
        command
            .arg("manage.py")
            .args(arguments)
            .current_dir(testing::checkout().join("site"))
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", self.stack.postgres.port().to_string())
            .env("DATABASE_NAME", &self.stack.database)
            .env("DATABASE_USER", WEB)
            .env("DATABASE_SSL_MODE", "disable")
            .env_remove("DATABASE_PASSWORD")
            .env("SECRET_KEY", "of a test")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output())
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
}
