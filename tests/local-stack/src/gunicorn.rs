//! The Wagtail site: the stock one, served by gunicorn as in its container, or one of the user's own, served by `runserver`.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::redirect::Policy;
use testing::process::{Process, ProcessError, Supervisor, free_port};
use testing::progress::{Progress, Wait, WaitError, wait_until};
use testing::secrets::{Kind, recorded};

use crate::own_site::OwnSite;
use crate::site_database::Database;

/// The time in which the site must answer after its start. A large one on a busy machine takes long.
const START_TIMEOUT: Duration = Duration::from_secs(180);

/// The site did not start.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// No free port was found.
    #[error("finding a free port for the site")]
    Port(#[source] io::Error),
    /// The settings of the demo could not be written.
    #[error("writing the settings of the demo")]
    Settings(#[source] io::Error),
    /// The process failed.
    #[error("running the site")]
    Process(#[from] ProcessError),
    /// The HTTP client for the health check could not be created.
    #[error("creating an HTTP client for the site")]
    Client(#[source] reqwest::Error),
    /// The site did not answer in time.
    #[error("starting the site")]
    Wait(#[from] WaitError),
}

/// The running site.
#[derive(Debug)]
pub struct Site {
    /// The address `http://127.0.0.1:<port>`, without a slash at its end.
    pub url: String,
    /// The process of gunicorn.
    pub process: Process,
}

impl Site {
    /// Serves `directory` with the Python of `venv`, and waits until the health path answers.
    pub async fn start(
        supervisor: &Supervisor,
        venv: &Path,
        directory: &Path,
        database: Database<'_>,
        progress: &Progress,
    ) -> Result<Self, SiteError> {
        let address = format!("127.0.0.1:{}", free_port().map_err(SiteError::Port)?);
        let url = format!("http://{address}");
        let media = supervisor.create_directory("media")?;
        let secret_key = uuid::Uuid::new_v4().simple().to_string();
        let secret_key = recorded(Kind::SecretKey, secret_key);
        let mut command = Command::new(venv.join("bin/python"));
        command
            .args(["-m", "gunicorn", "--config", "gunicorn.conf.py"])
            .current_dir(directory)
            .env("BIND", &address)
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", database.port.to_string())
            .env("DATABASE_NAME", database.name)
            .env("DATABASE_USER", database.user)
            .env("DATABASE_SSL_MODE", "disable")
            .env_remove("DATABASE_PASSWORD")
            .env("SECRET_KEY", &secret_key)
            .env("ALLOWED_HOSTS", "127.0.0.1,localhost")
            .env("CSRF_TRUSTED_ORIGINS", &url)
            .env("SITE_URL", &url)
            .env("MEDIA_ROOT", media)
            // With DEBUG, static files come from the folders of the apps, and need not be collected.
            .env("DEBUG", "true")
            // A test must not write into the checkout.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let process = supervisor.spawn("site", command)?;

        let is_healthy = |status: StatusCode| status.is_success();
        wait_for_site(&process, &format!("{url}/health/"), is_healthy, progress).await?;
        Ok(Self { url, process })
    }

    /// Serves a site of the user's own with `manage.py runserver`, and waits until it answers. An answer that shows no page is reported.
    pub async fn start_own(
        supervisor: &Supervisor,
        own: &OwnSite,
        database: Database<'_>,
        progress: &Progress,
    ) -> Result<Self, SiteError> {
        let address = format!("127.0.0.1:{}", free_port().map_err(SiteError::Port)?);
        let url = format!("http://{address}");
        // Without DEBUG the static files come from the folders of the apps only when it is asked for.
        let arguments = ["runserver", "--noreload", "--insecure", &address];
        let command = own.manage_apart(supervisor, database, &arguments);
        let command = command.map_err(SiteError::Settings)?;
        let process = supervisor.spawn("site", command)?;
        let answer = Cell::new(StatusCode::OK);
        let keep = |status: StatusCode| {
            answer.set(status);
            true
        };
        wait_for_site(&process, &url, keep, progress).await?;
        let status = answer.get();
        // A site without a front page answers 404.
        if !status.is_success() && !status.is_redirection() && status != StatusCode::NOT_FOUND {
            progress.step(&format!(
                "the site answers {status} to {url}/, and its log {} says why; events arrive all the same",
                process.log().display()
            ));
        }
        Ok(Self { url, process })
    }
}

/// Waits until the site gives an answer that is good.
async fn wait_for_site(
    process: &Process,
    url: &str,
    is_good: impl Fn(StatusCode) -> bool,
    progress: &Progress,
) -> Result<(), SiteError> {
    testing::install_crypto();
    // A proxy of the developer must not be used between two processes of one machine.
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build();
    let client = client.map_err(SiteError::Client)?;
    let healthy = || async {
        process.check()?;
        Ok::<_, ProcessError>(match client.get(url).send().await {
            Ok(answer) if is_good(answer.status()) => Wait::Ready(()),
            Ok(answer) => Wait::NotYet(answer.status().to_string()),
            Err(error) => Wait::NotYet(wagrun_lambda::telemetry::chain(&error)),
        })
    };
    Ok(wait_until(progress, "the site", START_TIMEOUT, healthy).await?)
}
