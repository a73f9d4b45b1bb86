//! `wagrun subscribers check`: judges the file of a subscriber before it is stored, by the rules of deliver and those of SSM.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use wagrun_delivery::subscriber::{InvalidSubscriber, Rules, Schemes, Subscriber};
use wagrun_lambda::telemetry::chain;

use crate::error::CommandError;
use crate::output::{self, Output, Verdict};
use crate::sender::Described;

/// The rules of a stack that was deployed with the defaults of the template.
pub const DEFAULT_RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: Some(8),
};

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// File with the subscriber's JSON
    file: PathBuf,
}

/// The size of a standard parameter's value in bytes (SSM, `PutParameter`).
pub const MAX_STANDARD_BYTES: usize = 4096;
/// The marks at the beginning of a text in UTF-16.
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A file that can be stored as a subscriber.
#[derive(Debug)]
pub struct CheckedFile {
    /// The file.
    pub path: PathBuf,
    /// The subscriber.
    pub subscriber: Subscriber,
    /// Number of bytes.
    pub size: usize,
}

/// A file that cannot be used as a subscriber.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is a text of another encoding.
    #[error("{0} is not UTF-8 text; save it as UTF-8")]
    Encoding(PathBuf),
    /// SSM would refuse the value.
    #[error("{0} has {{{{, which SSM refuses in a parameter")]
    DoubleBraces(String),
    /// The subscriber is not valid. The error names the field.
    #[error(transparent)]
    Invalid(#[from] InvalidSubscriber),
}

/// A report about a file, for programs.
#[derive(Debug, Serialize)]
struct Checked {
    file: PathBuf,
    target: String,
    warnings: Vec<String>,
    bytes: usize,
    #[serde(skip)]
    text: String,
}

/// Judges a file. The verdict is bad when a part of the filter matches nothing, or the value is too long.
pub fn run(arguments: &Arguments, rules: Rules, output: &Output) -> Result<Verdict, CommandError> {
    let path = &arguments.file;
    let checked = check(path, rules).map_err(|error| match &error {
        CheckError::Invalid(fault) => {
            let field = fault.place.to_string();
            let place = format!("{}: {field}", path.display());
            let place = place.trim_end_matches([':', ' ']);
            CommandError::argument(place, fault.problem.to_string())
        }
        _ => CommandError::argument("FILE", chain(&error)),
    })?;
    output.report(&Checked {
        file: checked.path.clone(),
        target: Described(&checked.subscriber.target).to_string(),
        warnings: checked
            .subscriber
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect(),
        bytes: checked.size,
        text: checked.to_string(),
    })?;
    Ok(Verdict::good_if(checked.is_clean()))
}

impl fmt::Display for Checked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Checks a file. An error means that its subscriber cannot be used.
fn check(path: &Path, rules: Rules) -> Result<CheckedFile, CheckError> {
    let text = read_text(path)?;
    let shown = path.display().to_string();
    let subscriber = Subscriber::parse("", &shown, &text, rules)?;
    check_text(&shown, &text)?;
    Ok(CheckedFile {
        path: path.to_owned(),
        subscriber,
        size: text.len(),
    })
}

/// Reads a file as UTF-8 text.
pub fn read_text(path: &Path) -> Result<String, CheckError> {
    let bytes = std::fs::read(path).map_err(|source| CheckError::Read {
        path: path.to_owned(),
        source,
    })?;
    text_of(path, bytes)
}

fn text_of(path: &Path, bytes: Vec<u8>) -> Result<String, CheckError> {
    let encoding = || CheckError::Encoding(path.to_owned());
    if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(encoding());
    }
    String::from_utf8(bytes).map_err(|_| encoding())
}

/// Refuses a text that Parameter Store does not take. `shown` names it.
pub fn check_text(shown: &str, text: &str) -> Result<(), CheckError> {
    match text.contains("{{") {
        true => Err(CheckError::DoubleBraces(shown.to_owned())),
        false => Ok(()),
    }
}

impl CheckedFile {
    /// Returns true when nothing is to be corrected.
    pub fn is_clean(&self) -> bool {
        self.subscriber.warnings.is_empty() && self.size <= MAX_STANDARD_BYTES
    }
}

impl fmt::Display for CheckedFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, value: &dyn fmt::Display| writeln!(formatter, "{name:<11} {value}");
        line("file", &self.path.display())?;
        line("target", &Described(&self.subscriber.target))?;
        for warning in &self.subscriber.warnings {
            line("warning", &output::warning(warning))?;
        }
        let size = self.size;
        if size > MAX_STANDARD_BYTES {
            let fault = format_args!(
                "has {size} bytes; a standard parameter holds {MAX_STANDARD_BYTES}, an advanced one 8192"
            );
            line("warning", &output::warning(fault))?;
        }
        line("result", &output::good("can be used"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const SEARCH: &str = include_str!("../../../../docs/examples/search.json");

    fn checked(bytes: impl Into<Vec<u8>>) -> Result<CheckedFile, String> {
        let directory = std::env::temp_dir().join(format!("wagrun-check-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("search.json");
        std::fs::write(&file, bytes.into()).unwrap();
        let checked = check(&file, DEFAULT_RULES);
        std::fs::remove_dir_all(&directory).unwrap();
        checked.map_err(|error| chain(&error).replace(&file.display().to_string(), "search.json"))
    }

    #[test]
    fn a_file_that_can_be_used_is_described() {
        let checked = checked(SEARCH).unwrap();
        assert!(checked.is_clean());
        let text = anstream::adapter::strip_str(&checked.to_string()).to_string();
        assert!(
            text.ends_with(
                "target      webhook https://search.example.org/…, 2 signatures\n\
                 result      can be used\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn a_fault_of_the_file_or_of_a_field_is_named() {
        let utf_16 = |text: &str| -> Vec<u8> {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            [0xff, 0xfe].into_iter().chain(units).collect()
        };
        for (bytes, expected) in [
            (
                utf_16(SEARCH),
                "search.json is not UTF-8 text; save it as UTF-8",
            ),
            (
                format!("\u{feff}{SEARCH}").into(),
                "subscriber search.json: begins with a byte order mark (U+FEFF); save the file as UTF-8 without one",
            ),
            (
                SEARCH.replace("/blog/", "/{{blog}}/").into(),
                "search.json has {{, which SSM refuses in a parameter",
            ),
            (
                SEARCH
                    .replace("\"/blog/\"", "\"https://www.example.org/blog/\"")
                    .into(),
                "subscriber search.json: under: is a URL; it must be the path alone, \"/blog/\"",
            ),
            (
                SEARCH
                    .replace("wagtail.page.*", "wagtail.page.publish")
                    .into(),
                "subscriber search.json: types[0]: \"wagtail.page.publish\" matches no type of event; the closest is \"wagtail.page.published\"",
            ),
        ] {
            assert_eq!(checked(bytes).unwrap_err(), expected);
        }
        let error = check(Path::new("/no/such/file.json"), DEFAULT_RULES).unwrap_err();
        assert!(chain(&error).starts_with("cannot read /no/such/file.json: "));
    }

    #[test]
    fn a_file_that_can_be_used_may_have_warnings() {
        let no_app = checked(SEARCH.replace("blog.*", "blogpage")).unwrap();
        assert!(!no_app.is_clean());
        let text = no_app.to_string();
        assert!(text.contains("content_types[0]: "), "{text}");
        let long = checked(format!("{SEARCH}{}", " ".repeat(4096))).unwrap();
        let text = long.to_string();
        assert!(text.contains("has "), "{text}");
    }
}
