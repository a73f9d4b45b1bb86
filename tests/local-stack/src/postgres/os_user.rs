//! The operating-system user that runs PostgreSQL. PostgreSQL refuses root, so `nobody` runs it instead.

use std::io;
use std::os::unix::fs::{MetadataExt as _, lchown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The usual user and group of `nobody`, if the password file does not contain them.
const NOBODY: (u32, u32) = (65534, 65534);

/// The user that runs a child: the present one, or `nobody` instead of root.
#[derive(Debug, Clone, Copy)]
pub struct OsUser {
    drop_to: Option<(u32, u32)>,
}

impl OsUser {
    /// Chooses the user. The owner of `own_file`, which this process has created, is the present user.
    pub fn unprivileged(own_file: &Path) -> io::Result<Self> {
        let root = std::fs::metadata(own_file)?.uid() == 0;
        Ok(Self {
            drop_to: root.then(nobody),
        })
    }

    /// Returns a command that runs as this user.
    pub fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.drop_to {
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a file, or a directory with everything in it, to this user.
    pub fn give_all(self, path: &Path) -> io::Result<()> {
        let Some((user, group)) = self.drop_to else {
            return Ok(());
        };
        lchown(path, Some(user), Some(group))?;
        if path.symlink_metadata()?.is_dir() {
            for entry in std::fs::read_dir(path)? {
                self.give_all(&entry?.path())?;
            }
        }
        Ok(())
    }

    /// Returns true if this user can run a program. The path may contain the private home of another user.
    pub fn can_run(self, program: &Path) -> bool {
        self.command(program)
            .arg("--version")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn nobody() -> (u32, u32) {
    std::fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|users| {
            let line = users.lines().find(|line| line.starts_with("nobody:"))?;
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .unwrap_or(NOBODY)
}
