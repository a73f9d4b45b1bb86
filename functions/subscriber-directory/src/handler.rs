//! The edge: Lambda's types in, Lambda's types out.

use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::value::RawValue;
use wagrun_lambda::telemetry::failed;

use crate::request::Request;
use crate::writer::Writer;

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// True when the directory was written.
    pub written: bool,
    /// Number of subscribers of the directory; none when there is no directory.
    pub subscribers: Option<usize>,
    /// Number of parameters that were found to differ from the directory.
    pub differing: usize,
}

/// Enters a change into the directory, or compares the whole directory.
///
/// # Errors
/// Fails for an unknown payload, and if a parameter or the directory could not be read or written. The clock tries it again.
pub async fn handle(writer: &Writer, payload: &RawValue) -> Result<Answer, Diagnostic> {
    let request =
        Request::parse(payload.get()).map_err(|error| failed("RequestUnknown", &error))?;
    let answer = match &request {
        Request::Compare => writer.compare().await,
        Request::Changed(parameter) => writer.enter_change(parameter).await,
    };
    let answer = answer.map_err(|error| failed("DirectoryNotWritten", &error))?;
    tracing::info!(
        written = answer.written,
        subscribers = answer.subscribers,
        differing = answer.differing,
        "directory compared"
    );
    Ok(answer)
}
