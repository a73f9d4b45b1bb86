//! The SAM CLI.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use testing::process::Supervisor;

use crate::tools::Tools;

/// Returns a command that runs the SAM CLI in the checkout.
pub(super) fn sam(root: &Path, tools: &Tools, supervisor: &Supervisor) -> Command {
    let mut command = Command::new(tools.program("tools", "sam"));
    command
        .current_dir(root)
        .env("PATH", search_path(tools))
        // SAM leaves an empty directory there for each function.
        .env("TMPDIR", supervisor.directory())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", testing::aws::REGION);
    remove_cargo_variables(&mut command);
    command
}

/// Returns the PATH of the SAM CLI, which begins with its own tools.
pub(super) fn search_path(tools: &Tools) -> OsString {
    let mut path = tools.environment("tools").join("bin").into_os_string();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    path
}

/// Removes the variables that cargo sets for a test. Build scripts that read them would run again, and dependents would be
/// compiled again.
pub fn remove_cargo_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let prefixes = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if prefixes.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
}

/// Returns the architecture of this machine. The emulator runs the functions as plain processes.
pub(super) fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}
