//! The emulator of AWS, with the permissions of the functions' roles enforced, and AWS's own models in front of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::aws::Aws;
use crate::tools::Tools;
use testing::aws::client_environment;
use testing::process::{Process, ProcessError, Supervisor, free_port};
use testing::progress::{Progress, Wait, WaitError, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

/// The emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// No port is free.
    #[error("finding a free port for the emulator")]
    Port(#[source] std::io::Error),
    /// Its process could not be started.
    #[error("starting the emulator")]
    Process(#[from] ProcessError),
    /// The HTTP client could not be made.
    #[error("making the emulator's HTTP client")]
    Client(#[source] reqwest::Error),
    /// It did not become ready.
    #[error("starting the emulator")]
    NotReady(#[from] WaitError),
}

/// A running emulator; it ends with its [`Supervisor`].
#[derive(Debug, Clone)]
pub struct Emulator {
    endpoint: String,
    process: Process,
    aws: Aws,
    violations: PathBuf,
}

impl Emulator {
    /// Starts an emulator on a free port of 127.0.0.1 and waits until it answers. `requests` is the directory in which it
    /// records what it is asked, as `tools/aws_models/recording.py` says.
    pub async fn start(
        tools: &Tools,
        supervisor: &Supervisor,
        requests: &Path,
        progress: &Progress,
    ) -> Result<Self, EmulatorError> {
        progress.step("starting the emulator of AWS");
        let port = free_port().map_err(EmulatorError::Port)?;
        let endpoint = format!("http://127.0.0.1:{port}");
        let home = supervisor.create_directory("emulator")?;
        let run = supervisor.directory().file_name().unwrap_or_default();
        let run = run.to_string_lossy();
        let mut command = command(&tools.program("emulator", "python"), &endpoint, port, &home);
        command
            .arg(testing::checkout().join("tools/aws_models/emulator.py"))
            .arg(requests)
            .arg(&*run);
        let process = supervisor.spawn("emulator", command)?;
        let aws = Aws::new(&endpoint).map_err(EmulatorError::Client)?;

        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.map_err(EmulatorError::Client)?;
        let ready = format!("{endpoint}/_ministack/ready");
        wait_until(progress, "the emulator", PATIENCE, || async {
            process.check()?;
            Ok::<_, ProcessError>(match http.get(&ready).send().await {
                Ok(response) if response.status().is_success() => Wait::Ready(()),
                Ok(response) => Wait::NotYet(response.status().to_string()),
                Err(error) => Wait::NotYet(error.to_string()),
            })
        })
        .await?;
        Ok(Self {
            endpoint,
            process,
            aws,
            violations: requests.join(format!("violations-{run}.jsonl")),
        })
    }

    /// Where its API is, for `AWS_ENDPOINT_URL` and for the database's stand-in of `aws_lambda`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A client of its API.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Every request so far that was refused because it breaks AWS's models, each with what is wrong with it.
    pub fn violations(&self) -> std::io::Result<Vec<String>> {
        let violations = std::fs::read_to_string(&self.violations)?;
        Ok(violations.lines().map(str::to_owned).collect())
    }

    /// Its process, for tests that stop it.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn command(program: &Path, endpoint: &str, port: u16, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        // The functions inherit this environment; theirs must not depend on the user's.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("STATE_DIR", home.join("state"))
        .env("S3_DATA_DIR", home.join("s3"))
        .envs(client_environment(endpoint))
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        // It would listen on a fixed port, which a second stack could not have.
        .env("IOT_MTLS_ENABLED", "0")
        // Calls without permission are refused, as on AWS; without it every role may do everything.
        .env("AUTH", "true")
        // Lambda sets these from a function's LoggingConfig; the emulator does not.
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
        .env("PYTHONUNBUFFERED", "1");
    command
}
