//! The secrets that the tests use. After all tests `tools/check_secrets.py` looks for each of them in every log.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde_json::json;

/// The file of this test program. A line is written as a whole.
static FILE: LazyLock<Mutex<File>> = LazyLock::new(|| {
    let directory = crate::checkout().join(".local/secrets");
    std::fs::create_dir_all(&directory).expect("a directory for the secrets of the tests");
    let file = directory.join(format!("{}.jsonl", std::process::id()));
    let file = OpenOptions::new().create(true).append(true).open(file);
    Mutex::new(file.expect("a file for the secrets of the tests"))
});

/// The kind of a secret. `tools/check_secrets.py` expects one of each kind after all tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A secret that signs webhooks.
    Signing,
    /// The value of a subscriber's header.
    Header,
    /// A token in a subscriber's URL.
    Url,
    /// The password of a user of the admin.
    Password,
    /// Django's `SECRET_KEY`.
    SecretKey,
    /// A cookie of the admin.
    Session,
}

/// Records a secret before it is used, and returns it.
pub fn recorded(kind: Kind, secret: String) -> String {
    let line = json!({"kind": format!("{kind:?}"), "secret": secret});
    let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(file, "{line}").expect("a secret recorded");
    secret
}
