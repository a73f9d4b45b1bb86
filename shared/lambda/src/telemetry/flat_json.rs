//! One line of the log: a flat JSON object with the fields of the event and of the spans around it.
//!
//! `tracing-subscriber` has no such format. `json-subscriber` writes a field twice that a span and an event share, which is not
//! valid JSON for every reader.

use std::fmt;

use lambda_runtime::tracing::subscriber::fmt::format::{
    FormatEvent, FormatFields, JsonFields, Writer,
};
use lambda_runtime::tracing::subscriber::fmt::time::{FormatTime, SystemTime};
use lambda_runtime::tracing::subscriber::fmt::{FmtContext, FormattedFields};
use lambda_runtime::tracing::subscriber::registry::LookupSpan;
use serde_json::{Map, Value};
use tracing::{Event, Subscriber};

/// The field of the runtime's span that holds the trace header of X-Ray.
const TRACE_HEADER: &str = "xrayTraceId";

/// Writes `timestamp`, `level` and `message`, then the fields of the spans from the outermost to the innermost, then those of the
/// event. Of two fields with one name the inner one counts. No field replaces `timestamp` or `level`.
#[derive(Debug, Clone, Copy)]
pub struct FlatJson;

impl<S> FormatEvent<S, JsonFields> for FlatJson
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        let spans = context.event_scope().into_iter();
        for span in spans.flat_map(|spans| spans.from_root()) {
            let extensions = span.extensions();
            if let Some(formatted) = extensions.get::<FormattedFields<JsonFields>>() {
                fields.extend(parse(&formatted.fields));
            }
        }
        let mut formatted = String::new();
        context.format_fields(Writer::new(&mut formatted), event)?;
        fields.extend(parse(&formatted));
        if !is_traced(&fields) {
            fields.shift_remove(TRACE_HEADER);
        }

        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), timestamp.into());
        let level = event.metadata().level().as_str();
        line.insert("level".to_owned(), level.into());
        if let Some(message) = fields.shift_remove("message") {
            line.insert("message".to_owned(), message);
        }
        for (name, value) in fields {
            line.entry(name).or_insert(value);
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Parses the fields that [`JsonFields`] has formatted.
fn parse(formatted: &str) -> Map<String, Value> {
    serde_json::from_str(formatted).unwrap_or_default()
}

/// Returns true if X-Ray keeps a trace. Lambda sends the header without tracing too, and its 100 bytes a line are paid for.
fn is_traced(fields: &Map<String, Value>) -> bool {
    let header = fields.get(TRACE_HEADER).and_then(Value::as_str);
    header.is_some_and(|header| header.contains("Sampled=1"))
}
