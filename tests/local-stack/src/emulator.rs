//! The emulator of AWS. It enforces the permissions of the functions' roles, and checks requests against the models of AWS.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::aws::Aws;
use crate::tools::Tools;
use testing::aws::client_environment;
use testing::process::{Process, ProcessError, Supervisor, free_port};
use testing::progress::{Progress, Wait, WaitError, wait_until};

/// The time in which the emulator must answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The emulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// No free port was found.
    #[error("finding a free port for the emulator")]
    Port(#[source] std::io::Error),
    /// The process could not be started.
    #[error("starting the emulator")]
    Process(#[from] ProcessError),
    /// The HTTP client could not be created.
    #[error("creating the emulator's HTTP client")]
    Client(#[source] reqwest::Error),
    /// The emulator did not answer in time.
    #[error("starting the emulator")]
    NotReady(#[from] WaitError),
}

/// A running emulator, which ends with its [`Supervisor`].
#[derive(Debug, Clone)]
pub struct Emulator {
    endpoint: String,
    process: Process,
    aws: Aws,
    violations: PathBuf,
}

impl Emulator {
    /// Starts an emulator on a free port of 127.0.0.1, and waits until it answers.
    ///
    /// The emulator records all requests in the directory `requests`, in the format of `tools/aws_models/recording.py`.
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
        wait_until(progress, "the emulator", START_TIMEOUT, || async {
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

    /// Returns the address of the API, for `AWS_ENDPOINT_URL` and for the database's replacement of `aws_lambda`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns a client of the API.
    pub fn aws(&self) -> &Aws {
        &self.aws
    }

    /// Returns the requests that were refused because they do not match the models of AWS, each with its errors.
    pub fn violations(&self) -> std::io::Result<Vec<String>> {
        let violations = std::fs::read_to_string(&self.violations)?;
        Ok(violations.lines().map(str::to_owned).collect())
    }

    /// Returns the process, for tests that stop it.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn command(program: &Path, endpoint: &str, port: u16, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(home)
        // The functions inherit this environment, which must not depend on that of the developer.
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
        // With this service the emulator would listen on a fixed port, which a second stack could not use.
        .env("IOT_MTLS_ENABLED", "0")
        // With this setting the emulator refuses calls without permission, as AWS does. The default allows every call.
        .env("AUTH", "true")
        // Lambda sets these from the LoggingConfig of a function, but the emulator does not.
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
        .env("PYTHONUNBUFFERED", "1");
    command
}
