//! Logging, as docs/logging.md describes it. Level and format are set in the template (`LoggingConfig`).
//!
//! A line is one flat JSON object ([`FlatJson`]). The Lambda runtime's own format has no `timestamp`: Lambda's level filter takes a
//! line without one for INFO, errors too. It also repeats the request id in each line, and hides span fields in arrays.

mod flat_json;

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::str::FromStr;

use lambda_runtime::Diagnostic;
use lambda_runtime::tracing::subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use lambda_runtime::tracing::subscriber::fmt::MakeWriter;
use lambda_runtime::tracing::subscriber::fmt::format::JsonFields;
use lambda_runtime::tracing::subscriber::layer::SubscriberExt;
use lambda_runtime::tracing::subscriber::{Layer, fmt, registry};
use tracing::{Metadata, Subscriber};

use crate::environment;
use flat_json::FlatJson;

/// The part of the Lambda runtime that logs every error a handler returns, as the text of a Rust struct.
/// It logs a panic too, without its message.
const RUNTIME_ERROR_TARGET: &str = "lambda_runtime::layers::panic";

/// Starts logging. Must be called once, before anything else in `main`.
///
/// `AWS_LAMBDA_LOG_FORMAT` chooses JSON or text, `AWS_LAMBDA_LOG_LEVEL` the level. `RUST_LOG` sets the level elsewhere.
/// A panic is logged too. The default hook would write text, which has no level and no request id.
pub fn init() {
    let format = environment::optional("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    let level = level(environment::optional("AWS_LAMBDA_LOG_LEVEL").as_deref());

    let is_json = format.eq_ignore_ascii_case("json");
    // An error means that a subscriber is set already, which only a test does.
    let _ = tracing::subscriber::set_global_default(subscriber(std::io::stdout, is_json, level));
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(error = %panic, "function panicked");
    }));
}

/// Returns the level of this name. INFO without one, or for a name that is unknown.
fn level(name: Option<&str>) -> LevelFilter {
    // An empty text would parse as ERROR.
    let level = name.and_then(|name| LevelFilter::from_str(name).ok());
    level.unwrap_or(LevelFilter::INFO)
}

fn subscriber<W>(writer: W, is_json: bool, level: LevelFilter) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let levels = EnvFilter::builder().with_default_directive(level.into());
    let lines = fmt::layer().with_writer(writer);
    let lines = match is_json {
        true => lines
            .fmt_fields(JsonFields::new())
            .event_format(FlatJson)
            .boxed(),
        false => lines.with_target(false).without_time().boxed(),
    };
    registry()
        .with(lines.with_filter(filter_fn(is_not_a_repetition)))
        .with(levels.from_env_lossy())
}

/// Returns false for the runtime's line about an error that [`failed`], or about a panic that the hook, has logged.
fn is_not_a_repetition(metadata: &Metadata<'_>) -> bool {
    metadata.target() != RUNTIME_ERROR_TARGET
}

/// Returns an error with all its causes on one line, for the one place that logs it.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

/// Logs the error that ends an invocation, with all its causes, and returns it for the caller under a name of its own.
///
/// Every handler's error must pass through here, because the runtime's own line about it is left out.
pub fn failed(name: &str, error: &(dyn Error + 'static)) -> Diagnostic {
    let error_message = chain(error);
    tracing::error!(
        error = error_message,
        error.type = name,
        "invocation failed"
    );
    Diagnostic {
        error_type: name.to_owned(),
        error_message,
    }
}

/// Returns the exit code of `main`. An error before the first invocation, such as a missing variable, is logged.
pub fn exit_code(result: Result<(), lambda_runtime::Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(error.as_ref()), "cannot start");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests;
