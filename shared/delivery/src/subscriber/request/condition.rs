//! The events that a request is for.

use serde_json::{Map, Value};

use crate::subscriber::invalid::Problem;
use crate::subscriber::template::EventPath;

/// Places of the event, each with the values that it may have. All of them must hold, so an empty condition always does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Condition(Vec<(EventPath, Vec<Value>)>);

impl Condition {
    /// Parses `{"data.live": [true], "data.visible_to": ["public"]}`. The error has the place within it.
    pub fn parse(fields: &Map<String, Value>) -> Result<Self, (String, Problem)> {
        let parsed = fields.iter().map(|(path, values)| {
            let place = format!(".{path}");
            let Some(path) = EventPath::parse(path) else {
                return Err((place, Problem::Not("a path such as data.live")));
            };
            match values.as_array() {
                None => Err((place, Problem::Not("a list"))),
                Some(values) if values.is_empty() => Err((place, Problem::Empty)),
                Some(values) => match values.iter().position(is_nested) {
                    Some(index) => {
                        let expected = "text, a number, true, false or null";
                        Err((format!("{place}[{index}]"), Problem::Not(expected)))
                    }
                    None => Ok((path, values.clone())),
                },
            }
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// Returns true when every place of the event has one of its values. A missing place has the value `null`.
    pub fn holds(&self, event: &Value) -> bool {
        self.0
            .iter()
            .all(|(path, values)| values.contains(path.find(event)))
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_array() || value.is_object()
}
