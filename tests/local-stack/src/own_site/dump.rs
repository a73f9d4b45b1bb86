//! A copy of a site's data, made by `pg_dump`.

mod plain;

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testing::process::Supervisor;
use testing::progress::Progress;

use plain::copy_without_owners;

/// The first bytes of a dump in `pg_dump`'s custom format.
const CUSTOM_FORMAT: &[u8] = b"PGDMP";
/// The first bytes of a file that gzip has compressed.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// The time limit for loading a dump.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// A dump that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file cannot be read.
    #[error("DUMP={path} cannot be read")]
    Unreadable {
        /// The value of `DUMP`.
        path: String,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The path is a directory.
    #[error("DUMP={0} is a directory: use pg_dump --format=custom, which writes one file")]
    Directory(String),
    /// The file is compressed as a whole.
    #[error(
        "DUMP={0} is compressed by gzip: unpack it, or use pg_dump --format=custom, which compresses by itself"
    )]
    Compressed(String),
    /// The programs of PostgreSQL could not load it.
    #[error("DUMP={path} could not be loaded: {reason}")]
    Load {
        /// The file.
        path: String,
        /// The last line of the program's error.
        reason: String,
    },
}

/// A dump with data, in `pg_dump`'s custom format or as plain SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump {
    path: PathBuf,
    is_custom: bool,
}

impl Dump {
    /// Recognises the format by the first bytes.
    pub fn find(path: &str) -> Result<Self, DumpError> {
        let unreadable = |source| DumpError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let absolute = Path::new(path).canonicalize().map_err(unreadable)?;
        if absolute.is_dir() {
            return Err(DumpError::Directory(path.to_owned()));
        }
        let mut start = Vec::new();
        let file = File::open(&absolute).map_err(unreadable)?;
        let length = CUSTOM_FORMAT.len() as u64;
        file.take(length)
            .read_to_end(&mut start)
            .map_err(unreadable)?;
        if start.starts_with(GZIP) {
            return Err(DumpError::Compressed(path.to_owned()));
        }
        Ok(Self {
            path: absolute,
            is_custom: start == CUSTOM_FORMAT,
        })
    }

    /// Loads the data into an empty database, as the role that owns it. The owners and rights of the dump are left out.
    ///
    /// `programs` has `psql` and `pg_restore`, of the server's version or a newer one.
    pub(crate) async fn load(
        &self,
        supervisor: &Supervisor,
        programs: &Path,
        url: &str,
        progress: &Progress,
    ) -> Result<(), DumpError> {
        progress.step(&format!("loading {}", self.path.display()));
        let directory = supervisor.directory();
        let mut sql = self.path.clone();
        if self.is_custom {
            sql = directory.join("restored.sql");
            let mut restore = Command::new(programs.join("pg_restore"));
            restore
                .args(["--no-owner", "--no-privileges", "--no-publications"])
                .args(["--no-subscriptions", "--file"])
                .arg(&sql)
                .arg(&self.path);
            self.run(supervisor, "read-dump", restore).await?;
        }
        let copy = directory.join("dump.sql");
        copy_to(&sql, &copy).map_err(|source| DumpError::Unreadable {
            path: self.path.display().to_string(),
            source,
        })?;
        let mut load = Command::new(programs.join("psql"));
        load.args(["--quiet", "--no-psqlrc", "--set", "ON_ERROR_STOP=1"])
            .args(["--dbname", url, "--file"])
            .arg(&copy);
        self.run(supervisor, "load-dump", load).await
    }

    async fn run(
        &self,
        supervisor: &Supervisor,
        name: &str,
        command: Command,
    ) -> Result<(), DumpError> {
        match supervisor.run(name, command, LOAD_TIMEOUT).await {
            Ok(_log) => Ok(()),
            Err(error) => Err(DumpError::Load {
                path: self.path.display().to_string(),
                reason: wagrun_lambda::telemetry::chain(&error),
            }),
        }
    }
}

fn copy_to(from: &Path, to: &Path) -> std::io::Result<()> {
    let (from, to) = (File::open(from)?, File::create(to)?);
    copy_without_owners(BufReader::new(from), BufWriter::new(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_recognised_by_the_first_bytes() {
        let directory =
            std::env::temp_dir().join(format!("dump-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&directory).unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = directory.join(name);
            std::fs::write(&path, content).unwrap();
            Dump::find(path.to_str().unwrap())
        };
        assert!(file("custom", b"PGDMP\x01\x0e").unwrap().is_custom);
        assert!(
            !file("plain", b"--\n-- PostgreSQL database dump")
                .unwrap()
                .is_custom
        );
        assert!(!file("empty", b"").unwrap().is_custom);
        let error = file("gzip", &[0x1f, 0x8b, 8]).unwrap_err().to_string();
        assert!(
            error.contains("is compressed by gzip: unpack it"),
            "{error}"
        );
        let error = Dump::find(directory.to_str().unwrap()).unwrap_err();
        assert!(error.to_string().contains(" is a directory: use "));
        std::fs::remove_dir_all(&directory).unwrap();
        let error = Dump::find("/no/such/file").unwrap_err().to_string();
        assert_eq!(error, "DUMP=/no/such/file cannot be read");
    }
}
