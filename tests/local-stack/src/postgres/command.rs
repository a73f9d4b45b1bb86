//! The command that starts the server.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::os_user::OsUser;

/// The durability of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Does not call fsync. A commit survives a crash of the server, but not of the machine. For tests.
    Fast,
    /// Uses the defaults of PostgreSQL. For measurements.
    Durable,
}

/// The files of a server, the user that runs it, and its settings.
#[derive(Debug)]
pub(super) struct ServerCommand {
    /// The directory with the binaries of PostgreSQL.
    pub binaries: PathBuf,
    /// The data directory.
    pub data: PathBuf,
    /// The directory with the extensions; none for a version that finds them only beside itself.
    pub share: Option<PathBuf>,
    /// The user that runs the server.
    pub user: OsUser,
    /// The durability of commits.
    pub durability: Durability,
}

impl ServerCommand {
    /// Returns the command for a server on this port.
    pub(super) fn on_port(&self, port: u16) -> Command {
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            "unix_socket_directories=".to_owned(),
            "max_connections=200".to_owned(),
            // The timeline shows the commit time of a transaction.
            "track_commit_timestamp=on".to_owned(),
            // The prefix of Aurora, where it cannot be changed. content-events parses such lines.
            "log_line_prefix=%t:%r:%u@%d:[%p]:".to_owned(),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
        ];
        if let Some(share) = &self.share {
            let path = format!("extension_control_path={}:$system", share.display());
            settings.push(path);
        }
        if self.durability == Durability::Fast {
            settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
        }
        let run = self.data.parent().unwrap_or(&self.data);
        let mut command = self.user.command(self.binaries.join("postgres"));
        command.arg("-D").arg(&self.data).current_dir(run);
        for setting in settings {
            command.args(["-c", &setting]);
        }
        command.env("PATH", path_with(&run.join("bin")));
        // Variables of the developer would change the behavior of the server.
        for variable in ["PGDATA", "PGPORT", "PGOPTIONS", "LC_ALL"] {
            command.env_remove(variable);
        }
        command
    }
}

/// Returns PATH with a directory in front.
fn path_with(first: &Path) -> String {
    let rest = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".into());
    format!("{}:{rest}", first.display())
}
