//! Replaces the values that differ from run to run: ids, times, addresses and counters. Equal values stay equal, and their order
//! stays the same.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::document::Examples;

/// The replacement of the earliest time.
const FIRST_TIME: &str = "2026-11-21T08:00:00.204312Z";
/// The interval between two replaced times.
const EVENT_INTERVAL: SignedDuration = SignedDuration::new(97, 31_047_000);
const FIRST_SEQUENCE: usize = 1101;
/// The replaced duration of a release.
const RELEASE_MILLISECONDS: u32 = 184_500;

/// Returns the examples with values that are the same in every run.
pub fn with_stable_values(mut examples: Examples) -> Examples {
    let mut placeholders = Placeholders::default();
    examples
        .values()
        .for_each(|event| placeholders.collect(event));
    for event in examples.values_mut() {
        placeholders.replace("", event);
        let object = event["subject"].as_str().unwrap().rsplit_once('/');
        if let Some((_, id)) = object
            && event["data"].get("id").is_some()
        {
            event["data"]["id"] = serde_json::from_str(id).unwrap();
        }
        event["sequence"] = json!(placeholders.sequence(event));
    }
    examples
}

/// The values of each kind in all examples, with their positions in order.
#[derive(Debug, Default)]
struct Placeholders {
    times: BTreeMap<Timestamp, usize>,
    ids: BTreeMap<String, usize>,
    sequences: BTreeMap<String, usize>,
    revisions: BTreeMap<i64, usize>,
    /// By the kind of the object, such as `page`, and its id.
    objects: BTreeMap<(String, i64), usize>,
}

impl Placeholders {
    /// Collects the values of an event, and numbers each kind in order.
    fn collect(&mut self, event: &Value) {
        self.collect_value("", event);
        if is_of_content(event) {
            let sequence = event["sequence"].as_str().unwrap().to_owned();
            self.sequences.insert(sequence, 0);
        }
        number_in_order(&mut self.times);
        number_in_order(&mut self.sequences);
        number_in_order(&mut self.revisions);
        let mut of_kind = BTreeMap::<String, usize>::new();
        for ((kind, _), place) in &mut self.objects {
            let next = of_kind.entry(kind.clone()).or_default();
            *place = *next;
            *next += 1;
        }
    }

    fn collect_value(&mut self, field: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields
                .iter()
                .for_each(|(name, one)| self.collect_value(name, one)),
            Value::Array(items) => items.iter().for_each(|one| self.collect_value(field, one)),
            Value::Number(_) if is_revision(field) => {
                self.revisions.insert(value.as_i64().unwrap(), 0);
            }
            Value::String(text) => {
                if let Ok(time) = text.parse() {
                    self.times.insert(time, 0);
                } else if text.parse::<Uuid>().is_ok() {
                    // Ids have no order, so they are numbered as they are found.
                    let next = self.ids.len();
                    self.ids.entry(text.clone()).or_insert(next);
                } else if let Some(object) = kind_and_id(field, text) {
                    self.objects.insert(object, 0);
                }
            }
            _ => {}
        }
    }

    fn replace(&self, field: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, one) in fields.iter_mut() {
                    self.replace(name, one);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|one| self.replace(field, one)),
            Value::Number(_) if field == "milliseconds" => *value = json!(RELEASE_MILLISECONDS),
            Value::Number(_) if is_revision(field) => {
                *value = json!(11 + self.revisions[&value.as_i64().unwrap()]);
            }
            Value::String(text) => *text = self.text(field, text),
            _ => {}
        }
    }

    fn text(&self, field: &str, text: &str) -> String {
        if let Ok(time) = text.parse::<Timestamp>() {
            let zone = if text.ends_with('Z') { "Z" } else { "+00:00" };
            let time = self.time(time).strftime("%Y-%m-%dT%H:%M:%S%.6f");
            return format!("{time}{zone}");
        }
        if let Some(place) = self.ids.get(text) {
            return format!(
                "{:08x}-7d1b-4c8e-9a53-6f0a4a1f7f{place:02x}",
                0x0f2c_8f6e + 0x0013_07a1 * place
            );
        }
        if let Some((kind, id)) = kind_and_id(field, text) {
            return format!("{kind}/{}", 4 + self.objects[&(kind.clone(), id)]);
        }
        text.replace("http://localhost/", "https://www.example.org/")
            .replace("wagrun-local", "site")
    }

    fn time(&self, time: Timestamp) -> Timestamp {
        let place = i32::try_from(self.times[&time]).unwrap();
        FIRST_TIME.parse::<Timestamp>().unwrap() + EVENT_INTERVAL * place
    }

    /// Returns the replaced sequence of an event whose other values are replaced already.
    fn sequence(&self, event: &Value) -> String {
        let sequence = event["sequence"].as_str().unwrap();
        let number = if is_of_content(event) {
            FIRST_SEQUENCE + self.sequences[sequence]
        } else if event["type"] == "subscriber.disabled" {
            // This sequence is the time in microseconds.
            let time: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
            usize::try_from(time.as_microsecond()).unwrap()
        } else {
            return sequence.to_owned();
        };
        format!("{number:016}")
    }
}

fn number_in_order<K: Ord>(places: &mut BTreeMap<K, usize>) {
    for (place, one) in places.values_mut().enumerate() {
        *one = place;
    }
}

/// Returns true if the event has a sequence of the counter of all content.
fn is_of_content(event: &Value) -> bool {
    event["type"].as_str().unwrap().starts_with("wagtail.")
}

fn is_revision(field: &str) -> bool {
    field == "latest_revision" || field == "live_revision"
}

/// Splits a subject such as `page/12` into its kind and its id.
fn kind_and_id(field: &str, text: &str) -> Option<(String, i64)> {
    if field != "subject" && field != "partitionkey" {
        return None;
    }
    let (kind, id) = text.rsplit_once('/')?;
    Some((kind.to_owned(), id.parse().ok()?))
}
