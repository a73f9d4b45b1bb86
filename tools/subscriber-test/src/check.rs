//! Checks the file of a subscriber before it is stored, by the rules of deliver and those of SSM.

use std::fmt;
use std::path::{Path, PathBuf};

use wagrun_delivery::subscriber::{InvalidSubscriber, Rules, Subscriber};

use crate::report::Described;

/// The size of a standard parameter's value in bytes (SSM, `PutParameter`).
const MAX_STANDARD_BYTES: usize = 4096;
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
    DoubleBraces(PathBuf),
    /// The subscriber is not valid. The error names the field.
    #[error(transparent)]
    Invalid(#[from] InvalidSubscriber),
}

/// Checks a file. An error means that its subscriber cannot be used.
pub fn check(path: &Path, rules: Rules) -> Result<CheckedFile, CheckError> {
    let bytes = std::fs::read(path).map_err(|source| CheckError::Read {
        path: path.to_owned(),
        source,
    })?;
    check_bytes(path, bytes, rules)
}

fn check_bytes(path: &Path, bytes: Vec<u8>, rules: Rules) -> Result<CheckedFile, CheckError> {
    let size = bytes.len();
    let encoding = || CheckError::Encoding(path.to_owned());
    if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(encoding());
    }
    let text = String::from_utf8(bytes).map_err(|_| encoding())?;
    let shown = path.display().to_string();
    let subscriber = Subscriber::parse("", &shown, &text, rules)?;
    if text.contains("{{") {
        return Err(CheckError::DoubleBraces(path.to_owned()));
    }
    Ok(CheckedFile {
        path: path.to_owned(),
        subscriber,
        size,
    })
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
            line("warning", warning)?;
        }
        let size = self.size;
        if size > MAX_STANDARD_BYTES {
            let fault = format_args!(
                "has {size} bytes; a standard parameter holds {MAX_STANDARD_BYTES}, an advanced one 8192"
            );
            line("warning", &fault)?;
        }
        line("result", &"can be used")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wagrun_delivery::subscriber::Schemes;
    use wagrun_lambda::telemetry::chain;

    const RULES: Rules = Rules {
        schemes: Schemes::HttpsOnly,
        max_attempts: Some(8),
    };
    const SEARCH: &str = include_str!("../../../docs/examples/search.json");

    fn checked(bytes: impl Into<Vec<u8>>) -> Result<CheckedFile, String> {
        let checked = check_bytes(Path::new("search.json"), bytes.into(), RULES);
        checked.map_err(|error| chain(&error))
    }

    #[test]
    fn a_file_that_can_be_used_is_described() {
        let checked = checked(SEARCH).unwrap();
        assert!(checked.is_clean());
        assert_eq!(
            checked.to_string(),
            "file        search.json\n\
             target      webhook https://search.example.org/…, 2 signatures\n\
             result      can be used\n"
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
        let error = check(Path::new("/no/such/file.json"), RULES).unwrap_err();
        assert!(chain(&error).starts_with("cannot read /no/such/file.json: "));
    }

    #[test]
    fn a_file_that_can_be_used_may_have_warnings() {
        let no_app = checked(SEARCH.replace("blog.*", "blogpage")).unwrap();
        assert!(!no_app.is_clean());
        let text = no_app.to_string();
        assert!(text.contains("\nwarning     content_types[0]: "), "{text}");
        let long = checked(format!("{SEARCH}{}", " ".repeat(4096))).unwrap();
        let text = long.to_string();
        assert!(text.contains("\nwarning     has "), "{text}");
    }
}
