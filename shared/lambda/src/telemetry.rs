//! Logging: the Lambda runtime's own subscriber, whose level and format the template sets (`LoggingConfig`).

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use lambda_runtime::Diagnostic;

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

/// Logs an invocation's error once, as a whole chain, and tells the caller the same under a name of its own.
pub fn failed(name: &str, error: &(dyn Error + 'static)) -> Diagnostic {
    let error_message = chain(error);
    tracing::error!(error = error_message, "{name}");
    Diagnostic {
        error_type: name.to_owned(),
        error_message,
    }
}

/// How `main` ends: an error on the way, such as a missing variable, is logged in words.
pub fn ended(result: Result<(), lambda_runtime::Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(error.as_ref()), "can't start");
            ExitCode::FAILURE
        }
    }
}
