//! What differs from run to run is replaced by what does not: ids, times, addresses and counters, each by its place among
//! all examples, so that what was equal stays equal and what was earlier stays earlier.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Examples;

/// The time of the earliest thing that happened.
const FIRST: &str = "2026-11-21T08:00:00.204312Z";
/// Between two things that happened.
const STEP: SignedDuration = SignedDuration::new(97, 31_047_000);
const FIRST_SEQUENCE: usize = 1101;
/// A release takes so long.
const RELEASE_MILLISECONDS: u32 = 184_500;

/// The examples with values that are the same in every run.
pub fn normalised(mut examples: Examples) -> Examples {
    let mut seen = Seen::default();
    examples.values().for_each(|event| seen.look(event));
    for event in examples.values_mut() {
        seen.replace("", event);
        let object = event["subject"].as_str().unwrap().rsplit_once('/');
        if let Some((_, id)) = object
            && event["data"].get("id").is_some()
        {
            event["data"]["id"] = serde_json::from_str(id).unwrap();
        }
        event["sequence"] = json!(seen.sequence(event));
    }
    examples
}

/// What there is of each kind of value in all examples, in its own order.
#[derive(Debug, Default)]
struct Seen {
    times: BTreeMap<Timestamp, usize>,
    ids: BTreeMap<String, usize>,
    sequences: BTreeMap<String, usize>,
    revisions: BTreeMap<i64, usize>,
    /// By `page/` and so on.
    objects: BTreeMap<(String, i64), usize>,
}

impl Seen {
    /// Notes everything, and then gives each its place.
    fn look(&mut self, event: &Value) {
        self.note("", event);
        if is_of_content(event) {
            let sequence = event["sequence"].as_str().unwrap().to_owned();
            self.sequences.insert(sequence, 0);
        }
        number(&mut self.times);
        number(&mut self.sequences);
        number(&mut self.revisions);
        let mut of_kind = BTreeMap::<String, usize>::new();
        for ((kind, _), place) in &mut self.objects {
            let next = of_kind.entry(kind.clone()).or_default();
            *place = *next;
            *next += 1;
        }
    }

    fn note(&mut self, field: &str, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(name, one)| self.note(name, one)),
            Value::Array(items) => items.iter().for_each(|one| self.note(field, one)),
            Value::Number(_) if is_revision(field) => {
                self.revisions.insert(value.as_i64().unwrap(), 0);
            }
            Value::String(text) => {
                if let Ok(time) = text.parse() {
                    self.times.insert(time, 0);
                } else if text.parse::<Uuid>().is_ok() {
                    // An id is as good as any other, so that these are numbered as they come.
                    let next = self.ids.len();
                    self.ids.entry(text.clone()).or_insert(next);
                } else if let Some(object) = object(field, text) {
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
        if let Some((kind, id)) = object(field, text) {
            return format!("{kind}/{}", 4 + self.objects[&(kind.clone(), id)]);
        }
        text.replace("http://localhost/", "https://www.example.org/")
            .replace("wagrun-local", "site")
    }

    fn time(&self, time: Timestamp) -> Timestamp {
        let place = i32::try_from(self.times[&time]).unwrap();
        FIRST.parse::<Timestamp>().unwrap() + STEP * place
    }

    /// Of an event whose other values are replaced already.
    fn sequence(&self, event: &Value) -> String {
        let sequence = event["sequence"].as_str().unwrap();
        let number = if is_of_content(event) {
            FIRST_SEQUENCE + self.sequences[sequence]
        } else if event["type"] == "subscriber.disabled" {
            // The microseconds of its time.
            let time: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
            usize::try_from(time.as_microsecond()).unwrap()
        } else {
            return sequence.to_owned();
        };
        format!("{number:016}")
    }
}

fn number<K: Ord>(places: &mut BTreeMap<K, usize>) {
    for (place, one) in places.values_mut().enumerate() {
        *one = place;
    }
}

/// Whether the event's sequence is of the one counter that all of content has.
fn is_of_content(event: &Value) -> bool {
    event["type"].as_str().unwrap().starts_with("wagtail.")
}

fn is_revision(field: &str) -> bool {
    field == "latest_revision" || field == "live_revision"
}

/// `page/12` as what it says.
fn object(field: &str, text: &str) -> Option<(String, i64)> {
    if field != "subject" && field != "partitionkey" {
        return None;
    }
    let (kind, id) = text.rsplit_once('/')?;
    Some((kind.to_owned(), id.parse().ok()?))
}
