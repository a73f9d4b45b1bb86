//! A site that is not the stock one, for `make demo SITE=../mysite`: its directory, its Python, its settings and its data.

mod demo_settings;
mod dump;
mod environment;
mod options;
mod postgres;
mod python;
mod start;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use testing::process::{ProcessError, Supervisor};
use testing::progress::Progress;

pub use dump::{Dump, DumpError};
pub use environment::EnvironmentError;
pub use options::OwnSiteOptions;
pub use postgres::VersionError;
pub use python::PythonError;
pub use start::StartError;

use environment::variables;
use python::{Versions, choose_python, versions};

use crate::postgres::Installation;
use crate::site_database::Database;

/// The time limit of a command of `manage.py`.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);

/// A site of the user's own.
#[derive(Debug, Clone)]
pub struct OwnSite {
    /// The directory with `manage.py`.
    pub directory: PathBuf,
    /// The Python interpreter with the site's packages.
    pub python: PathBuf,
    /// The settings module.
    pub settings: String,
    /// Further variables in JSON, as the template's parameter `SiteEnvironment` takes them.
    pub environment: Option<String>,
    /// The data with which the database begins.
    pub dump: Option<Dump>,
    /// The server, where it is not the newest version.
    pub postgres: Option<Installation>,
}

/// The site cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OwnSiteError {
    /// The directory is none, or has no `manage.py`.
    #[error("SITE={0} has no manage.py: it is the directory in which you run python manage.py")]
    NoManagePy(String),
    /// No interpreter with the site's packages was found.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// The dump cannot be used.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The variables cannot be read.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// Its settings raise an error.
    #[error(transparent)]
    Start(#[from] StartError),
    /// There is no server of the chosen version.
    #[error(transparent)]
    Version(#[from] VersionError),
}

/// Python code of the demo could not be run.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The settings of the demo could not be written.
    #[error("writing the settings of the demo")]
    Settings(#[source] std::io::Error),
    /// The code failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl OwnSite {
    /// Checks the directory, finds or installs the packages, and prints the versions.
    ///
    /// # Errors
    /// Each error is one sentence that names the variable to change.
    pub async fn find(options: OwnSiteOptions, progress: &Progress) -> Result<Self, OwnSiteError> {
        let directory = Path::new(&options.site)
            .canonicalize()
            .ok()
            .filter(|it| it.join("manage.py").is_file())
            .ok_or_else(|| OwnSiteError::NoManagePy(options.site.clone()))?;
        let environment = environment::with_settings(
            options.environment.as_deref(),
            options.settings.as_deref(),
        )?;
        let dump = options.dump.as_deref().map(Dump::find).transpose()?;
        let postgres = postgres::find(options.postgres.as_deref(), progress)?;
        let python = choose_python(&directory, &options, progress)?;
        let Versions {
            wagtail,
            django,
            python: version,
        } = versions(&python, &directory)?;
        progress.step(&format!(
            "the site in {}: Wagtail {wagtail}, Django {django}, Python {version}",
            directory.display()
        ));
        let settings = start::check(&python, &directory, environment.as_deref())?;
        Ok(Self {
            directory,
            python,
            settings,
            environment,
            dump,
            postgres,
        })
    }

    /// Returns a command of the site's `manage.py`, which connects to this database.
    pub fn manage(&self, database: Database<'_>, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command
            .arg("manage.py")
            .args(arguments)
            .current_dir(&self.directory)
            .env("PYTHONUNBUFFERED", "1")
            .envs(variables(database, self.environment.as_deref()));
        command
    }

    /// Returns a command as [`Self::manage`] does, which writes no file of the site's, and answers on this machine.
    ///
    /// # Errors
    /// Fails if the settings cannot be written into the directory of the run.
    pub fn manage_apart(
        &self,
        supervisor: &Supervisor,
        database: Database<'_>,
        arguments: &[&str],
    ) -> std::io::Result<Command> {
        let mut command = self.manage(database, arguments);
        demo_settings::apply(&mut command, supervisor.directory(), &self.settings)?;
        Ok(command)
    }

    /// Runs Python code with the site's Django, which writes no file of the site's. Returns the path of what it printed.
    pub async fn shell(
        &self,
        supervisor: &Supervisor,
        database: Database<'_>,
        name: &str,
        code: &str,
    ) -> Result<PathBuf, ShellError> {
        let command = self.manage_apart(supervisor, database, &["shell", "--command", code]);
        let command = command.map_err(ShellError::Settings)?;
        Ok(supervisor.run(name, command, COMMAND_TIMEOUT).await?)
    }
}
