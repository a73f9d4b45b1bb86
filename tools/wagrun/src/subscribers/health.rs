//! The state of a subscriber, judged by its parameter, the record of its backlog, and deliver's log.

use std::fmt;

use deliver::Backlog;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use wagrun_delivery::subscriber::{InvalidSubscriber, Subscriber};

use super::attempts::Attempts;

/// The state of a subscriber.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Health {
    /// The parameter cannot be used. Its last usable version is in force, or its events are set aside.
    Unusable {
        /// The field and its fault.
        fault: String,
    },
    /// It is switched off: no events are kept for it.
    Off {
        /// The reason, if one was written down.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The time, if it was written down.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    /// Its deliveries wait in the bucket.
    SetAside {
        /// The beginning.
        since: Timestamp,
        /// The reason, and whether they come back.
        phase: SetAside,
    },
    /// No delivery was accepted since.
    Failing {
        /// The beginning.
        since: Timestamp,
    },
    /// Deliveries wait for another attempt, for less than half an hour so far, or not every delivery fails.
    Retrying {
        /// The number of these deliveries.
        deliveries: usize,
        /// True when one of them has failed more than once.
        repeatedly: bool,
    },
    /// Nothing is known against it.
    Well,
}

/// The phase of deliveries that were set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetAside {
    /// It accepts nothing, and is tried every quarter of an hour.
    Kept,
    /// Its receiver is slow, and gets a part of the copies.
    Paced,
    /// Its parameter is missing.
    Gone,
    /// They come back.
    Returning,
}

impl Health {
    /// Judges a subscriber. `json` is its parameter, and `attempts` what the log has of it.
    pub fn judge(
        parsed: &Result<Subscriber, InvalidSubscriber>,
        json: &str,
        backlog: Option<&Backlog>,
        attempts: Option<&Attempts>,
    ) -> Self {
        let subscriber = match parsed {
            Ok(subscriber) => subscriber,
            Err(fault) => {
                return Self::Unusable {
                    fault: format!("{}{}", fault.place, fault.problem),
                };
            }
        };
        if !subscriber.enabled {
            let fields: Value = serde_json::from_str(json).unwrap_or_default();
            let disabled = &fields["disabled"];
            return Self::Off {
                reason: disabled["reason"].as_str().map(str::to_owned),
                at: disabled["at"].as_str().and_then(|at| at.parse().ok()),
            };
        }
        if let Some(backlog) = backlog {
            return Self::SetAside {
                since: backlog.since,
                phase: SetAside::of(backlog),
            };
        }
        if let Some(since) = subscriber.failing_since {
            return Self::Failing { since };
        }
        match attempts {
            Some(attempts) if attempts.waiting > 0 => Self::Retrying {
                deliveries: attempts.waiting,
                repeatedly: attempts.most_attempts > 1,
            },
            Some(_) | None => Self::Well,
        }
    }

    /// Returns true when somebody should look after the subscriber. One that was switched off on purpose is no fault, and neither is
    /// a single failure.
    pub fn is_bad(&self) -> bool {
        match self {
            Self::Unusable { .. } | Self::Failing { .. } => true,
            Self::SetAside { phase, .. } => *phase != SetAside::Returning,
            Self::Retrying { repeatedly, .. } => *repeatedly,
            Self::Off { .. } | Self::Well => false,
        }
    }
}

impl SetAside {
    /// Returns the phase that the record of a backlog tells.
    fn of(backlog: &Backlog) -> Self {
        if backlog.is_returning() {
            Self::Returning
        } else if backlog.is_paced() {
            Self::Paced
        } else if backlog.gone_since.is_some() {
            Self::Gone
        } else {
            Self::Kept
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable { fault } => write!(formatter, "cannot be used: {fault}"),
            Self::Off { reason, at } => {
                formatter.write_str("off")?;
                if let Some(at) = at {
                    write!(formatter, " since {}", crate::time::minute(*at))?;
                }
                match reason {
                    Some(reason) => write!(formatter, ": {reason}"),
                    None => Ok(()),
                }
            }
            Self::SetAside { since, phase } => {
                let since = crate::time::minute(*since);
                match phase {
                    SetAside::Kept => write!(formatter, "accepts nothing, set aside since {since}"),
                    SetAside::Paced => write!(formatter, "slow, paced since {since}"),
                    SetAside::Gone => write!(formatter, "was missing, set aside since {since}"),
                    SetAside::Returning => {
                        write!(
                            formatter,
                            "accepts again, what was set aside since {since} comes back"
                        )
                    }
                }
            }
            Self::Failing { since } => {
                write!(formatter, "fails since {}", crate::time::minute(*since))
            }
            Self::Retrying { deliveries: 1, .. } => {
                formatter.write_str("1 delivery waits for another attempt")
            }
            Self::Retrying { deliveries, .. } => {
                write!(
                    formatter,
                    "{deliveries} deliveries wait for another attempt"
                )
            }
            Self::Well => formatter.write_str("well"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wagrun_delivery::subscriber::Rules;

    fn judged(fields: Value, backlog: Option<Backlog>) -> String {
        let mut json = json!({"target": "webhook", "url": "https://search.example.org/",
                              "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
        let more = fields.as_object().unwrap().clone();
        json.as_object_mut().unwrap().extend(more);
        let json = json.to_string();
        let parsed = Subscriber::parse("search", "/s/search", &json, Rules::LENIENT);
        Health::judge(&parsed, &json, backlog.as_ref(), None).to_string()
    }

    #[test]
    fn each_state_is_said_in_words() {
        let at: Timestamp = "2026-11-26T11:00:00Z".parse().unwrap();
        let begun = Backlog::begun(at);
        for (fields, backlog, expected) in [
            (json!({}), None, "well"),
            (
                json!({"failing_since": "2026-11-26T11:00:00Z"}),
                None,
                "fails since 2026-11-26 11:00",
            ),
            (
                json!({"failing_since": "2026-11-26T11:00:00Z"}),
                Some(begun.clone()),
                "accepts nothing, set aside since 2026-11-26 11:00",
            ),
            (
                json!({}),
                Some(begun.clone().returning(at)),
                "accepts again, what was set aside since 2026-11-26 11:00 comes back",
            ),
            (json!({"enabled": false}), Some(begun), "off"),
            (
                json!({"enabled": false, "disabled": {"reason": "moved", "at": "2026-11-26T11:00:00Z"}}),
                None,
                "off since 2026-11-26 11:00: moved",
            ),
            (json!({"under": "news/"}), None, "cannot be used: under: "),
        ] {
            let text = judged(fields, backlog);
            assert!(text.starts_with(expected), "{text}");
        }
    }
    #[test]
    fn a_delivery_that_waits_is_a_fault_when_it_failed_twice() {
        let json = json!({"target": "webhook", "url": "https://search.example.org/",
                          "secrets": ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]});
        let json = json.to_string();
        let parsed = Subscriber::parse("search", "/s/search", &json, Rules::LENIENT);
        for (waiting, most_attempts, text, is_bad) in [
            (0, 0, "well", false),
            (1, 1, "1 delivery waits for another attempt", false),
            (2, 2, "2 deliveries wait for another attempt", true),
        ] {
            let attempts = Attempts {
                waiting,
                most_attempts,
                ..Attempts::default()
            };
            let health = Health::judge(&parsed, &json, None, Some(&attempts));
            assert_eq!((&*health.to_string(), health.is_bad()), (text, is_bad));
        }
    }
}
