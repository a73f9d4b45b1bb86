//! A library that moves the clock of a program.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiled library.
pub struct ShiftedClock {
    library: PathBuf,
}

impl ShiftedClock {
    /// Compiles the library into this directory.
    pub fn compile(directory: &Path) -> Self {
        let library = directory.join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        let status = compiler.arg(&library).arg(source).status().unwrap();
        assert!(status.success(), "cc: {status}");
        Self { library }
    }

    /// Returns the variables for a program whose clock is this number of seconds ahead.
    pub fn environment(&self, seconds: i32) -> [(&'static str, String); 2] {
        let library = self.library.to_string_lossy().into_owned();
        [
            ("LD_PRELOAD", library),
            ("CLOCK_SHIFT", seconds.to_string()),
        ]
    }
}
