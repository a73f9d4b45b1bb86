//! The Tokio runtime of all tests, and their time limits.

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::Instant;

/// The time limit of one wait in a test. It leaves room for a machine that compiles or runs other tests at the same time.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(120);

/// All tests share one runtime, because a server outlives the test that started it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Runs a test to its end.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    RUNTIME.block_on(test)
}

/// Returns the deadline for a step that needs far less than a minute.
pub fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}
