use std::io::{BufRead as _, BufReader};

use super::*;

const HELPER_LOGS: &str = "LOCAL_STACK_HELPER_LOGS";

/// Returns a command that runs a shell script.
fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn logs_directory() -> PathBuf {
    std::env::temp_dir().join(format!(
        "local-stack-logs-{}",
        uuid::Uuid::new_v4().simple()
    ))
}

/// Returns true if the process runs. A zombie does not.
fn runs(process: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat"))
        .ok()
        .and_then(|stat| {
            let (_, rest) = stat.rsplit_once(')')?;
            Some(!rest.trim_start().starts_with(['Z', 'X']))
        })
        .unwrap_or(false)
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(15),
            "waited too long: {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn number_in(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[tokio::test]
async fn shutdown_ends_the_children_and_removes_the_directories() {
    let logs = logs_directory();
    let supervisor = Supervisor::start("orderly", &logs).unwrap();
    let grandchild = supervisor.directory().join("grandchild");
    let child = supervisor
        .spawn(
            "shell",
            shell(&format!(
                "sleep 600 & echo $! > {}; wait",
                grandchild.display()
            )),
        )
        .unwrap();
    wait_until("the grandchild starts", || number_in(&grandchild).is_some());
    let grandchild = number_in(&grandchild).unwrap();
    assert!(runs(child.id()) && runs(grandchild));
    let directory = supervisor.directory().to_owned();
    let run_logs = supervisor.logs().to_owned();

    supervisor.shutdown();

    assert!(!runs(child.id()) && !runs(grandchild));
    assert!(!directory.exists() && !run_logs.exists());
    std::fs::remove_dir_all(logs).unwrap();
}

/// A kernel gives the number of an ended process to another one, which may be of another test.
#[tokio::test]
async fn a_process_that_has_the_number_of_an_ended_one_is_left_alone() {
    use std::os::unix::process::CommandExt as _;

    let logs = logs_directory();
    let supervisor = Supervisor::start("numbers", &logs).unwrap();
    let mut stranger = Command::new("sleep")
        .arg("600")
        .process_group(0)
        .spawn()
        .unwrap();
    // A child of this supervisor that had the number, and had started at another time.
    let id = stranger.id();
    supervisor
        .reaper
        .send(&format!("group {id} TERM 1"))
        .unwrap();
    supervisor
        .reaper
        .send(&format!("signal {id} KILL"))
        .unwrap();

    supervisor.shutdown();

    assert!(stranger.try_wait().unwrap().is_none(), "it was ended");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    std::fs::remove_dir_all(logs).unwrap();
}

#[tokio::test]
async fn what_a_program_has_left_running_ends_with_it() {
    let logs = logs_directory();
    let supervisor = Supervisor::start("leaves", &logs).unwrap();
    let grandchild = supervisor.directory().join("grandchild");
    let script = format!("sleep 600 & echo $! > {}", grandchild.display());
    supervisor
        .run("shell", shell(&script), Duration::from_secs(10))
        .await
        .unwrap();
    let grandchild = number_in(&grandchild).unwrap();
    wait_until("the grandchild ends", || !runs(grandchild));
    supervisor.shutdown();
    std::fs::remove_dir_all(logs).unwrap();
}

#[tokio::test]
async fn logs_are_kept_when_asked_for() {
    let logs = logs_directory();
    let supervisor = Supervisor::start("kept", &logs).unwrap();
    supervisor
        .run("echo", shell("echo said"), Duration::from_secs(10))
        .await
        .unwrap();
    supervisor.keep_logs();
    let log = supervisor.logs().join("echo.log");
    supervisor.shutdown();
    assert_eq!(std::fs::read_to_string(log).unwrap(), "said\n");
    std::fs::remove_dir_all(logs).unwrap();
}

#[tokio::test]
async fn a_child_that_ends_early_is_reported_with_its_status_and_log() {
    let logs = logs_directory();
    let supervisor = Supervisor::start("early", &logs).unwrap();
    let child = supervisor
        .spawn("doomed", shell("echo the disk is full >&2; exit 3"))
        .unwrap();
    child.wait_for_exit(Duration::from_secs(10)).await.unwrap();
    let error = child.check().unwrap_err().to_string();
    assert!(
        error.starts_with("doomed ended with exit status: 3"),
        "{error}"
    );
    assert!(error.ends_with("the disk is full"), "{error}");
    drop(supervisor);
    std::fs::remove_dir_all(logs).unwrap();
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let logs = logs_directory();
    let supervisor = Supervisor::start("absent", &logs).unwrap();
    let error = supervisor
        .spawn("thing", Command::new("/no/such/program"))
        .unwrap_err();
    assert_eq!(error.to_string(), "starting thing (/no/such/program)");
    drop(supervisor);
    std::fs::remove_dir_all(logs).unwrap();
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped() {
    let logs = logs_directory();
    let supervisor = Supervisor::start("slow", &logs).unwrap();
    let error = supervisor
        .run(
            "sleeper",
            shell("echo started; exec sleep 600"),
            Duration::from_millis(300),
        )
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
    drop(supervisor);
    std::fs::remove_dir_all(logs).unwrap();
}

/// Runs as a child of the next test, which starts this test binary with the variable set and kills it.
#[tokio::test]
async fn helper_that_is_killed() {
    let Ok(logs) = std::env::var(HELPER_LOGS) else {
        return;
    };
    let supervisor = Supervisor::start("killed", Path::new(&logs)).unwrap();
    let stubborn = supervisor
        .spawn("shell", shell("trap '' TERM; sleep 600 & wait; sleep 600"))
        .unwrap();
    println!(
        "\nhelper {} {}",
        stubborn.id(),
        supervisor.directory().display()
    );
    std::future::pending::<()>().await;
}

#[test]
fn children_of_a_killed_process_are_gone() {
    let logs = logs_directory();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "process::tests::helper_that_is_killed",
            "--nocapture",
        ])
        .env(HELPER_LOGS, &logs)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(parent.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find(|line| line.starts_with("helper "))
        .unwrap();
    let mut words = line.split(' ').skip(1);
    let child: u32 = words.next().unwrap().parse().unwrap();
    let directory = PathBuf::from(words.next().unwrap());
    assert!(runs(child) && directory.exists());

    // `Child::kill` is SIGKILL: no destructor runs.
    parent.kill().unwrap();
    parent.wait().unwrap();

    wait_until("the child ends and its directory is removed", || {
        !runs(child) && !directory.exists()
    });
    assert!(logs.exists(), "the logs of a run that was killed stay");
    std::fs::remove_dir_all(logs).unwrap();
}
