//! Starts the operator's command on the stack of a scenario.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use local_stack::deployment::{STACK, remove_cargo_variables};
use serde_json::Value;
use testing::aws::client_environment;
use testing::progress::{Progress, Wait, wait_until};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use wagrun_lambda::telemetry::chain;

use super::runtime::WAIT_TIMEOUT;
use super::scenario::Scenario;

/// The time in which the command must end. A doctor with every check takes longest.
const TIMEOUT: Duration = Duration::from_secs(120);

static BUILT: OnceCell<()> = OnceCell::const_new();

/// The end of one run of the command.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// The text on standard output.
    pub stdout: String,
    /// The text on standard error.
    pub stderr: String,
}

impl Ran {
    /// Returns standard output, after a run that found nothing wrong.
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// Returns standard output, after a run that found something wrong.
    pub fn bad(self) -> String {
        assert_eq!(self.code, 1, "{self:?}");
        self.stdout
    }

    /// Returns the error of a run that could not do its work.
    pub fn error(self) -> String {
        assert_eq!(self.code, 2, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        self.stderr
    }

    /// Returns the JSON on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Runs the command to its end.
pub async fn wagrun(scenario: &Scenario, arguments: &[&str]) -> Ran {
    let mut command = command(scenario).await;
    let output = command.args(arguments).output();
    let output = tokio::time::timeout(TIMEOUT, output).await;
    let output = output.unwrap_or_else(|_| panic!("wagrun {arguments:?} did not end"));
    let output = output.unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs the command until its output has this text. The lines of an invocation are in the log when it has ended.
pub async fn until(scenario: &Scenario, arguments: &[&str], text: &str) -> String {
    let poll = || async {
        let ran = wagrun(scenario, arguments).await;
        Ok::<_, io::Error>(match ran.stdout.contains(text) {
            true => Wait::Ready(ran.stdout),
            false => Wait::NotYet(format!("{ran:?}")),
        })
    };
    let found = wait_until(&Progress::quiet(), text, WAIT_TIMEOUT, poll).await;
    found.unwrap_or_else(|error| panic!("{}", chain(&error)))
}

/// Starts the command, which goes on. Its outputs are pipes.
pub async fn start_wagrun(scenario: &Scenario, arguments: &[&str]) -> Child {
    let mut command = command(scenario).await;
    command.args(arguments).spawn().unwrap()
}

/// Returns the command with the environment of an operator who has credentials and no AWS CLI.
pub async fn command(scenario: &Scenario) -> Command {
    build().await;
    let target = testing::checkout().join("target");
    let program = std::env::current_exe().unwrap();
    // The test program is in the directory `deps` beside the others.
    let directory = program.parent().and_then(|deps| deps.parent()).unwrap();
    assert!(directory.starts_with(&target) || std::env::var_os("CARGO_TARGET_DIR").is_some());
    let mut command = Command::new(directory.join("wagrun"));
    command
        .env_clear()
        .envs(client_environment(scenario.stack.local.emulator.endpoint()))
        .env("STACK", STACK)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Empties the queues for an operator, in which other tests have left what they let fail, and the delivery queue, in which they have left
/// what would fail later.
///
/// The scenario must have the stack for itself.
pub async fn clear_dead_letters(scenario: &Scenario) {
    let deployment = &scenario.stack.local.deployment;
    // The delivery queue first, because a message in it may die meanwhile.
    for queue in [
        "Delivery",
        "EventDeadLetter",
        "DeliveryDeadLetter",
        "DoorbellFailure",
    ] {
        let url = deployment.output(&format!("{queue}QueueUrl")).unwrap();
        deployment.aws().purge(url).await.unwrap();
    }
}

/// Builds the command once, from what the tests are built from.
async fn build() {
    let build = || async {
        let mut command = std::process::Command::new("cargo");
        command
            .args([
                "build",
                "--quiet",
                "--workspace",
                "--locked",
                "--bin",
                "wagrun",
            ])
            .current_dir(testing::checkout());
        remove_cargo_variables(&mut command);
        let built = Command::from(command).status();
        let built = tokio::time::timeout(WAIT_TIMEOUT * 10, built).await;
        assert!(built.expect("the build did not end").unwrap().success());
    };
    BUILT.get_or_init(build).await;
}
