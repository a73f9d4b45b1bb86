//! The file with the addresses of the running demo, which `make history` and `make subscriber-test` read.
//!
//! It sets shell variables, because make starts both commands: those that every SDK of AWS reads, and two of wagrun.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{fs, io};

use crate::deployment::STACK;
use testing::aws::client_environment;

/// The file of a running demo. Dropping this removes the file.
#[derive(Debug)]
pub struct DemoFile {
    path: PathBuf,
    text: String,
}

impl DemoFile {
    /// Returns the path that the commands read.
    pub fn path() -> PathBuf {
        testing::checkout().join(".local/demo.env")
    }

    /// Writes the addresses of a demo. The file of an earlier demo is overwritten.
    pub fn write(path: PathBuf, endpoint: &str, database: &str) -> io::Result<Self> {
        let additional = [("STACK", STACK), ("DEMO_DATABASE", database)];
        let mut text = String::new();
        for (name, value) in client_environment(endpoint).iter().chain(&additional) {
            // No value contains a quote, and writing to a String cannot fail.
            let _ = writeln!(text, "export {name}='{value}'");
        }
        fs::write(&path, &text)?;
        Ok(Self { path, text })
    }
}

impl Drop for DemoFile {
    fn drop(&mut self) {
        // A later demo may have overwritten the file.
        if fs::read_to_string(&self.path).is_ok_and(|text| text == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
