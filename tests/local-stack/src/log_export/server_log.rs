//! Reads the log file of a server as it grows.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::error::LogExportError;
use super::records::Records;

/// The log of a server, from a position on.
#[derive(Debug)]
pub struct ServerLog {
    path: PathBuf,
    position: u64,
    records: Records,
}

impl ServerLog {
    /// Starts at the present end of the log.
    pub async fn from_now_on(path: &Path) -> Result<Self, LogExportError> {
        let mut log = Self {
            path: path.to_owned(),
            position: 0,
            records: Records::default(),
        };
        log.read().await?;
        Ok(log)
    }

    /// Returns the records that were completed since the last call.
    ///
    /// A record is complete when another has begun, or when a call finds nothing new.
    pub async fn records(&mut self) -> Result<Vec<String>, LogExportError> {
        let written = self.read().await?;
        if written.is_empty() {
            return Ok(self.records.end().into_iter().collect());
        }
        Ok(self.records.push(&written))
    }

    async fn read(&mut self) -> Result<Vec<u8>, LogExportError> {
        let read = async {
            let mut file = File::open(&self.path).await?;
            file.seek(SeekFrom::Start(self.position)).await?;
            let mut written = Vec::new();
            file.read_to_end(&mut written).await?;
            Ok(written)
        };
        let written = read.await.map_err(|source| LogExportError::Log {
            path: self.path.clone(),
            source,
        })?;
        self.position += written.len() as u64;
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const LINE: &str = "2026-11-21 21:46:46 UTC:[local]:a@b:[1]:LOG:  ";

    #[tokio::test]
    async fn what_is_written_later_is_read_once_and_in_order() {
        let path = std::env::temp_dir().join(format!("log-{}", uuid::Uuid::new_v4().simple()));
        let mut file = std::fs::File::create(&path).unwrap();
        writeln!(file, "{LINE}old").unwrap();
        let mut log = ServerLog::from_now_on(&path).await.unwrap();
        assert_eq!(log.records().await.unwrap(), [""; 0]);

        writeln!(file, "{LINE}one").unwrap();
        write!(file, "{LINE}tw").unwrap();
        for _ in 0..2 {
            assert_eq!(log.records().await.unwrap(), [""; 0], "half a line");
        }
        write!(file, "o\n\tand its end\n").unwrap();
        let one = format!("{LINE}one");
        assert_eq!(log.records().await.unwrap(), [one], "more may come");
        let two = format!("{LINE}two\n\tand its end");
        assert_eq!(log.records().await.unwrap(), [two]);
        assert_eq!(log.records().await.unwrap(), [""; 0]);
        std::fs::remove_file(path).unwrap();
    }
}
