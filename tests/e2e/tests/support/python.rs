//! Pinned packages that only some tests need: the environments of `tools/venv.py`, and the folders of `tools/npm.py`.

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

/// Installs a folder of npm's packages unless it is there, and returns its directory.
pub async fn npm_packages(name: &str) -> PathBuf {
    let mut install = Command::new("python3");
    install.arg(checkout().join("tools/npm.py")).arg(name);
    assert!(install.status().await.unwrap().success(), "{name}");
    checkout().join(".local/npm").join(name)
}
