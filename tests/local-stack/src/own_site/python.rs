//! The Python interpreter with the packages of a site.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testing::progress::Progress;

use super::options::OwnSiteOptions;

/// The oldest Wagtail with the tables that events are made of. `migrate` checks it too.
const MIN_WAGTAIL: (u32, u32) = (6, 3);
/// The usual names of a virtual environment in a site's directory.
const VENVS: [&str; 4] = [".venv", "venv", "env", "../.venv"];
/// Prints the versions, one a line.
const PRINT_VERSIONS: &str = "import sys, django, wagtail\n\
     print('.'.join(map(str, wagtail.VERSION[:3])), django.get_version(), sys.version.split()[0])";

/// No interpreter with the site's packages was found.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// The directory has neither a virtual environment nor a list of packages.
    #[error(
        "{} has no virtual environment (.venv, venv or env) and no requirements.txt: name one with VENV=… or REQUIREMENTS=…", .0.display()
    )]
    None(PathBuf),
    /// The given virtual environment has no interpreter.
    #[error("VENV={0} has no bin/python: it is the directory of a virtual environment")]
    Venv(String),
    /// The given list of packages does not exist.
    #[error("REQUIREMENTS={0} does not exist")]
    Requirements(String),
    /// The packages could not be installed. pip has printed the reason.
    #[error(
        "the packages of {} could not be installed; pip has printed why. A site that needs another version of Python brings its own \
         environment: VENV=…", .0.display()
    )]
    Install(PathBuf),
    /// The interpreter cannot be started.
    #[error("cannot start {}", python.display())]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The interpreter cannot import Wagtail.
    #[error("{} cannot import Wagtail: {reason}", python.display())]
    NoWagtail {
        /// The interpreter.
        python: PathBuf,
        /// The last line of Python's error.
        reason: String,
    },
    /// Wagtail is too old.
    #[error("the site has Wagtail {0}, and wagrun needs 6.3 or newer")]
    OldWagtail(String),
}

/// The versions of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Versions {
    pub wagtail: String,
    pub django: String,
    pub python: String,
}

/// Returns the interpreter of the given or usual virtual environment, or of a new one with the site's packages.
pub(super) fn choose_python(
    directory: &Path,
    options: &OwnSiteOptions,
    progress: &Progress,
) -> Result<PathBuf, PythonError> {
    if let Some(venv) = &options.venv {
        let python = std::path::absolute(venv).unwrap_or_else(|_| venv.into());
        let python = python.join("bin/python");
        return if python.exists() {
            Ok(python)
        } else {
            Err(PythonError::Venv(venv.clone()))
        };
    }
    if let Some(file) = &options.requirements {
        let path = Path::new(file).canonicalize();
        let path = path.map_err(|_| PythonError::Requirements(file.clone()))?;
        return install(&path, progress);
    }
    let usual = VENVS.map(|name| directory.join(name).join("bin/python"));
    if let Some(python) = usual.into_iter().find(|it| it.exists()) {
        return Ok(python);
    }
    let requirements = directory.join("requirements.txt");
    if requirements.is_file() {
        return install(&requirements, progress);
    }
    Err(PythonError::None(directory.to_owned()))
}

/// Installs the packages into an environment of this file's own, and returns its interpreter.
fn install(requirements: &Path, progress: &Progress) -> Result<PathBuf, PythonError> {
    // Two sites have two environments, and the same one is found again.
    let path = requirements.to_string_lossy();
    let name = format!("own{}", path.replace(|it: char| !it.is_alphanumeric(), "-"));
    progress.step(&format!(
        "Python packages of {} in .local/venv/{name}",
        requirements.display()
    ));
    let status = Command::new("python3")
        .arg(testing::checkout().join("tools/venv.py"))
        .arg(format!("{name}={}", requirements.display()))
        .stdin(Stdio::null())
        .status()
        .map_err(|source| PythonError::Start {
            python: "python3".into(),
            source,
        })?;
    if !status.success() {
        return Err(PythonError::Install(requirements.to_owned()));
    }
    Ok(testing::checkout().join(format!(".local/venv/{name}/bin/python")))
}

/// Returns the versions of the site's packages.
pub(super) fn versions(python: &Path, directory: &Path) -> Result<Versions, PythonError> {
    let output = Command::new(python)
        .args(["-c", PRINT_VERSIONS])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| PythonError::Start {
            python: python.to_owned(),
            source,
        })?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut words = printed.split_whitespace().map(str::to_owned);
    let (Some(wagtail), Some(django), Some(version)) = (words.next(), words.next(), words.next())
    else {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(PythonError::NoWagtail {
            python: python.to_owned(),
            reason: errors
                .lines()
                .last()
                .unwrap_or("it printed nothing")
                .to_owned(),
        });
    };
    let mut numbers = wagtail.split('.').map_while(|it| it.parse::<u32>().ok());
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < MIN_WAGTAIL {
        return Err(PythonError::OldWagtail(wagtail));
    }
    Ok(Versions {
        wagtail,
        django,
        python: version,
    })
}
