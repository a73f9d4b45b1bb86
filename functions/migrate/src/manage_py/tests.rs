use std::time::Duration;

use super::process_group::TERMINATION_TIMEOUT;
use super::*;

/// Longer than any of these commands takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A `manage.py` that is a shell script. `/bin/sh` takes the place of the Python interpreter.
struct Script {
    directory: PathBuf,
}

impl Script {
    fn new(name: &str, script: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("manage-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("manage.py"), script).unwrap();
        Self { directory }
    }

    async fn run(&self, within: Duration) -> (Result<Vec<String>, ManagePyError>, Vec<String>) {
        let manage_py = ManagePy {
            directory: self.directory.clone(),
            python: "/bin/sh".into(),
        };
        let env = CommandEnv {
            variables: Vec::new(),
            stop_at: Instant::now() + within,
        };
        let mut seen = Vec::new();
        let result = manage_py
            .run("dance", &["dance"], &env, |line| seen.push(line.to_owned()))
            .await;
        (result, seen)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // A file that is left in the temporary directory does no harm.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

#[tokio::test]
async fn each_line_is_seen_and_the_last_are_returned() {
    let script = Script::new(
        "lines",
        "i=0; while [ $i -lt 50 ]; do echo $i; i=$((i+1)); done",
    );
    let (result, seen) = script.run(TEST_TIMEOUT).await;
    assert_eq!(seen.len(), 50);
    let tail = result.unwrap();
    assert_eq!((tail.len(), tail[19].as_str()), (MAX_LAST_LINES, "49"));
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_are_a_line_all_the_same() {
    let script = Script::new("bytes", "printf 'a\\377b\\nno end'");
    let (result, _) = script.run(TEST_TIMEOUT).await;
    assert_eq!(result.unwrap(), ["a\u{fffd}b", "no end"]);
}

#[tokio::test]
async fn a_failure_has_the_lines_of_standard_error() {
    let script = Script::new("fails", "echo fine; echo broken >&2; exit 3");
    let (result, _) = script.run(TEST_TIMEOUT).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "manage.py dance ended with exit status: 3; its last lines:\nbroken"
    );
}

#[tokio::test]
async fn a_command_without_end_is_asked_to_end_and_its_lines_are_kept() {
    let script = Script::new(
        "term",
        "trap 'echo asked; exit 0' TERM; echo waiting; while :; do sleep 0.05; done",
    );
    let (result, seen) = script.run(Duration::from_millis(500)).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "manage.py dance did not end in the function's time; its last lines:\nwaiting"
    );
    assert_eq!(seen, ["waiting"]);
}

#[tokio::test]
async fn a_command_that_ignores_the_signal_is_killed_with_the_processes_it_started() {
    let script = Script::new(
        "kill",
        "trap '' TERM; sleep 600 & echo $!; while :; do sleep 0.05; done",
    );
    let started = Instant::now();
    let (result, seen) = script.run(Duration::from_millis(500)).await;
    assert!(matches!(result, Err(ManagePyError::OutOfTime { .. })));
    assert!(started.elapsed() >= TERMINATION_TIMEOUT);
    let process: i32 = seen[0].parse().unwrap();
    let gone = || {
        // A killed process that was not waited for yet is a zombie.
        std::fs::read_to_string(format!("/proc/{process}/stat"))
            .map_or(true, |stat| stat.contains(") Z "))
    };
    while !gone() {
        assert!(
            started.elapsed() < TEST_TIMEOUT,
            "process {process} is alive"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_missing_interpreter_is_named() {
    let manage_py = ManagePy {
        directory: "/nowhere".into(),
        python: "/bin/sh".into(),
    };
    let env = CommandEnv {
        variables: Vec::new(),
        stop_at: Instant::now() + TEST_TIMEOUT,
    };
    let error = manage_py.run("dance", &["dance"], &env, |_| ()).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "cannot run /bin/sh in /nowhere"
    );
}
