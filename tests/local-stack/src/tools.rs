//! The Python programs of the stack, which `tools/venv.py` installs into `.local/venv`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testing::progress::Progress;

/// The Python packages could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// Python could not be started.
    #[error("starting python3, which installs the tools")]
    Python(#[source] std::io::Error),
    /// `tools/venv.py` failed. It has printed its own errors.
    #[error("tools/venv.py {names} ended with {status}")]
    Failed {
        /// The requested environments.
        names: String,
        /// The exit status.
        status: std::process::ExitStatus,
    },
}

/// The virtual environments of a checkout.
#[derive(Debug, Clone)]
pub struct Tools {
    environments: PathBuf,
}

impl Tools {
    /// Installs the missing environments. This takes minutes the first time, and 0.1 s afterwards.
    pub async fn install(root: &Path, progress: &Progress) -> Result<Self, ToolsError> {
        let names = ["emulator", "postgres", "site", "tools"];
        progress.step("Python packages in .local/venv");
        let mut command = Command::new("python3");
        command
            .arg(root.join("tools/venv.py"))
            .args(names)
            .stdin(Stdio::null());
        let status = tokio::process::Command::from(command)
            .status()
            .await
            .map_err(ToolsError::Python)?;
        if !status.success() {
            let names = names.join(" ");
            return Err(ToolsError::Failed { names, status });
        }
        Ok(Self {
            environments: root.join(".local/venv"),
        })
    }

    /// Returns the directory of one environment: `emulator`, `postgres`, `site` or `tools`.
    pub fn environment(&self, name: &str) -> PathBuf {
        self.environments.join(name)
    }

    /// Returns the path of a program in one environment.
    pub fn program(&self, environment: &str, program: &str) -> PathBuf {
        self.environment(environment).join("bin").join(program)
    }
}
