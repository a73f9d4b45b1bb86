//! Builds the functions with `sam build`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testing::process::Supervisor;
use testing::progress::Progress;

use super::error::DeploymentError;
use super::sam::{architecture, sam, search_path};
use crate::tools::Tools;

/// The time in which `sam build` must end. A first build compiles every dependency.
const BUILD_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// The time in which `strip` must end.
const STRIP_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// The template with its built functions, in a directory of this run.
#[derive(Debug)]
pub struct Build {
    pub(super) template: PathBuf,
}

impl Build {
    /// Compiles the functions, and collects their binaries. It shares the artifacts of `cargo build --workspace`. With
    /// `WAGRUN_DEPLOYMENT_BUILD` it compiles each function by itself, as a deployment does, and every dependency again.
    pub async fn run(
        root: &Path,
        tools: &Tools,
        supervisor: &Supervisor,
        progress: &Progress,
    ) -> Result<Self, DeploymentError> {
        progress.step("building the functions with sam build");
        let directory = supervisor.directory().join("build");
        // Cargo writes the binaries of all builds into one directory, from which SAM copies them.
        let lock = root.join(".local/build.lock");
        let lock = tokio::task::spawn_blocking(move || locked(&lock)).await;
        let _lock = lock.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;

        let mut command = sam(root, tools, supervisor);
        command
            .args(["build", "--config-env", "local", "--build-dir"])
            .arg(&directory)
            .arg("--parameter-overrides")
            .arg(format!("Architecture={}", architecture()))
            .env("SAM_BUILD_MODE", "debug")
            // cargo-lambda links with Zig by default, which is only needed for another architecture.
            .env("CARGO_LAMBDA_COMPILER", "cargo");
        if std::env::var_os("WAGRUN_DEPLOYMENT_BUILD").is_none() {
            let mut path = root.join("tools/workspace-build").into_os_string();
            path.push(":");
            path.push(search_path(tools));
            command.env("PATH", path);
        }
        supervisor.run("sam-build", command, BUILD_TIMEOUT).await?;

        // Half of a debug binary is symbols, and SAM would need seconds to compress them.
        let mut strip = Command::new("strip");
        strip.args(binaries(&directory)?);
        supervisor.run("strip", strip, STRIP_TIMEOUT).await?;
        Ok(Self {
            template: directory.join("template.yaml"),
        })
    }
}

/// Returns the paths of the functions' binaries in a build.
fn binaries(build: &Path) -> Result<Vec<PathBuf>, DeploymentError> {
    let unreadable = |source| DeploymentError::File {
        action: "reading",
        path: build.to_owned(),
        source,
    };
    let mut binaries = Vec::new();
    for entry in std::fs::read_dir(build).map_err(unreadable)? {
        let binary = entry.map_err(unreadable)?.path().join("bootstrap");
        if binary.exists() {
            binaries.push(binary);
        }
    }
    Ok(binaries)
}

/// Locks a file, so that only one process builds at a time.
fn locked(path: &Path) -> Result<File, DeploymentError> {
    let file = |action| {
        let path = path.to_owned();
        move |source| DeploymentError::File {
            action,
            path,
            source,
        }
    };
    let lock = File::create(path).map_err(file("creating"))?;
    lock.lock().map_err(file("locking"))?;
    Ok(lock)
}
