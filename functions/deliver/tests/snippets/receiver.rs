//! Runs a program of `docs/webhooks.md`.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Time limit, long enough for a machine that also compiles.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the first block of code after this text.
pub fn snippet(after: &str) -> String {
    let document = std::fs::read_to_string(checkout().join("docs/webhooks.md")).unwrap();
    let (_, rest) = document.split_once(after).unwrap();
    let (_, rest) = rest.split_once("\n```").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    let (code, _) = rest.split_once("\n```").unwrap();
    format!("{code}\n")
}

/// Installs the receivers' packages, unless they are there.
fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let script = checkout().join("tests/receivers/install.py");
        let status = std::process::Command::new("python3").arg(script).status();
        let status = status.unwrap();
        assert!(status.success(), "tests/receivers/install.py: {status}");
    });
}

/// The interpreter of a receiver, by its path below `.local`.
pub const PYTHON: &str = "venv/webhooks/bin/python";
pub const NODE: &str = "npm/receivers/node";

/// Runs a program in Python to its end.
pub async fn python(code: &str, input: &str) -> Output {
    install();
    let mut command = Command::new(checkout().join(".local").join(PYTHON));
    command
        .args(["-c", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Closed at the end of the statement, which is the end of its input.
    let written = child.stdin.take().unwrap();
    { written }.write_all(input.as_bytes()).await.unwrap();
    child.wait_with_output().await.unwrap()
}

/// The running receiver, which ends when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// The receiver's URL.
    pub url: String,
    child: Child,
    directory: PathBuf,
}

impl Receiver {
    /// Runs the program that `code` returns for a port, and waits until it listens there.
    pub async fn start(interpreter: &str, file: &str, code: impl Fn(u16) -> String) -> Self {
        install();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        // Within the directory in which Node.js looks for packages.
        let directory = checkout()
            .join(".local/npm/receivers")
            .join(uuid::Uuid::new_v4().to_string());
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join(file);
        std::fs::write(&path, code(port)).unwrap();
        // Files, because a pipe that nobody reads is full after one event.
        let file = |name: &str| std::fs::File::create(directory.join(name)).unwrap();
        let child = Command::new(checkout().join(".local").join(interpreter))
            .arg(path)
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .kill_on_drop(true)
            .spawn();
        let mut receiver = Self {
            url: format!("http://127.0.0.1:{port}/wagtail"),
            child: child.unwrap(),
            directory,
        };
        let listening = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                if receiver.child.try_wait().unwrap().is_some() {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            true
        };
        let is_listening = tokio::time::timeout(WAIT_TIMEOUT, listening).await;
        let said = || std::fs::read_to_string(receiver.directory.join("stderr"));
        assert_eq!(is_listening, Ok(true), "{}", said().unwrap());
        receiver
    }

    /// Returns the events that it has verified so far.
    pub fn verified(&self) -> Vec<Value> {
        let lines = std::fs::read_to_string(self.directory.join("stdout")).unwrap();
        // Beside what the server itself says.
        let events = lines
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        events.collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
