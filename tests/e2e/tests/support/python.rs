//! Pinned Python packages: the environments of `tools/venv.py` that only some tests need.

use std::path::PathBuf;

use testing::checkout;
use tokio::process::Command;

/// Installs an environment unless it is there, and returns its directory. A test may run first or alone, so it never relies on
/// what another one has installed.
pub async fn environment(name: &str) -> PathBuf {
    let mut install = Command::new("python3");
    install.arg(checkout().join("tools/venv.py")).arg(name);
    assert!(install.status().await.unwrap().success(), "{name}");
    checkout().join(".local/venv").join(name)
}
