//! One line of the log: a flat JSON object with the fields of the event and of the spans around it.
//!
//! `tracing-subscriber` has no such format, and `json-subscriber` writes a field twice that a span and an event share, which is not
//! valid JSON for every reader.

use std::fmt;

use lambda_runtime::tracing::subscriber::fmt::format::{FormatEvent, JsonFields, Writer};
use lambda_runtime::tracing::subscriber::fmt::time::{FormatTime, SystemTime};
use lambda_runtime::tracing::subscriber::fmt::{FmtContext, FormattedFields};
use lambda_runtime::tracing::subscriber::registry::LookupSpan;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};

/// Writes `timestamp`, `level` and `message`, then the fields of the spans from the outermost to the innermost, then those of the
/// event. Of two fields with one name the inner one counts.
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
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut own = Fields::default();
        event.record(&mut own);
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), timestamp.into());
        let level = event.metadata().level().as_str();
        line.insert("level".to_owned(), level.into());
        if let Some(message) = own.0.shift_remove("message") {
            line.insert("message".to_owned(), message);
        }
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|all| all.from_root())
        {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<JsonFields>>();
            let fields = fields.and_then(|fields| serde_json::from_str(&fields.fields).ok());
            line.extend(fields.unwrap_or_else(Map::new));
        }
        line.extend(own.0);
        writeln!(writer, "{}", Value::Object(line))
    }
}

/// Collects the fields of an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}
