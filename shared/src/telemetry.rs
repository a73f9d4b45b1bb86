//! Logging: the Lambda runtime's own subscriber, whose level and format the template sets (`LoggingConfig`).

use std::error::Error;
use std::fmt::Write as _;

/// Starts logging; call once, before anything else in `main`.
pub fn init() {
    lambda_runtime::tracing::init_default_subscriber();
}

/// An error with all its causes on one line, for the one place that logs it.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a String can't fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}
