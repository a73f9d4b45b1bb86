//! The samples: the documented payloads, which were really sent once, marked so that no receiver takes them for a change.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;
use wagrun_event::Event;

use crate::error::CommandError;

/// The document with a payload of every type.
const DOCUMENT: &str = include_str!("../../../../docs/payloads.md");
/// The mark before a payload, with its type behind.
const MARK: &str = "<!-- payload: ";
/// The id of the object of every sample, which no object of a site has.
const OBJECT_ID: u32 = 0;

/// Returns the types of all samples, in the order of the document.
pub fn types() -> Vec<&'static str> {
    let mut types = Vec::new();
    for (kind, _) in payloads() {
        if !types.contains(&kind) {
            types.push(kind);
        }
    }
    types
}

/// Returns a sample of a type. `data.sample` is true, and the object has the id 0.
pub fn sample(kind: &str, source: &str, id: Uuid, now: Timestamp) -> Result<Event, CommandError> {
    let payload = payloads().find(|(one, _)| *one == kind);
    let (_, json) = payload.ok_or_else(|| {
        CommandError::argument(
            "TYPE",
            format!("there is no sample of {kind:?}; `wagrun trigger --list` shows the types"),
        )
    })?;
    let mut event: Event = serde_json::from_str(json).map_err(|source| CommandError::Answer {
        what: "the sample",
        source,
    })?;
    event.id = id;
    event.source = source.to_owned();
    event.time = now.to_string();
    event.sequence = format!("{:016}", now.as_microsecond());
    event.data.insert("sample".to_owned(), json!(true));
    // Events about the site and its subscribers have no object with an id.
    if let Some(number) = event.data.get_mut("id") {
        *number = json!(OBJECT_ID);
        let model = event.subject.split('/').next().unwrap_or_default();
        event.subject = format!("{model}/{OBJECT_ID}");
        event.partitionkey.clone_from(&event.subject);
    }
    Ok(event)
}

/// Returns the type and the JSON of each payload.
fn payloads() -> impl Iterator<Item = (&'static str, &'static str)> {
    DOCUMENT.split(MARK).skip(1).filter_map(|part| {
        let (kind, rest) = part.split_once(" -->")?;
        let (_, json) = rest.split_once("```json\n")?;
        let (json, _) = json.split_once("```")?;
        // The example of a replay repeats an event of another type.
        json.contains(&format!("\"type\": \"{kind}\""))
            .then_some((kind, json))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_type_has_a_sample_that_is_marked() {
        let now: Timestamp = "2026-11-26T11:00:00.000001Z".parse().unwrap();
        assert!(types().len() > 20, "{:?}", types());
        for kind in types() {
            let id = Uuid::from_u128(7);
            let event = sample(kind, "/wagrun/site", id, now).unwrap();
            assert_eq!(event.kind, kind);
            assert_eq!(event.data["sample"], json!(true));
            assert_eq!((event.id, &*event.source), (id, "/wagrun/site"));
            assert_eq!(event.partitionkey, event.subject);
            assert!(
                event.subject.ends_with("/0") || !event.data.contains_key("id"),
                "{}",
                event.subject
            );
        }
        let error = sample("wagtail.page.publish", "/", Uuid::nil(), now).unwrap_err();
        assert!(error.to_string().contains("--list"), "{error}");
    }
}
