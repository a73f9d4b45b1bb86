//! The state of a subscriber, judged by its parameter, the record of its backlog, and deliver's log.

use std::fmt;

use deliver::Backlog;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use wagrun_delivery::subscriber::{InvalidSubscriber, Subscriber};

use super::attempts::Attempts;

/// The value of `disabled.by` for a subscriber that an operator has switched off. deliver writes no such field.
pub const OPERATOR: &str = "operator";

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
        /// True when deliver has done it, and not an operator.
        by_deliver: bool,
        /// True when deliveries from before wait in the bucket.
        set_aside: bool,
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
        /// The time of the first of their next attempts.
        next_at: Option<Timestamp>,
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
                by_deliver: disabled.is_object() && disabled["by"] != OPERATOR,
                set_aside: backlog.is_some(),
            };
        }
        let phase = backlog.map(|backlog| (backlog.since, SetAside::of(backlog)));
        // What comes back may be refused again, which matters more.
        let unless_returning = phase.filter(|(_, phase)| *phase != SetAside::Returning);
        if let Some((since, phase)) = unless_returning {
            return Self::SetAside { since, phase };
        }
        if let Some(since) = subscriber.failing_since {
            return Self::Failing { since };
        }
        match (attempts, phase) {
            (Some(attempts), _) if attempts.waiting > 0 => Self::Retrying {
                deliveries: attempts.waiting,
                repeatedly: attempts.most_attempts > 1,
                next_at: attempts.next_at,
            },
            (_, Some((since, phase))) => Self::SetAside { since, phase },
            (_, None) => Self::Well,
        }
    }

    /// Returns true when somebody should look after the subscriber. One that an operator switched off is no fault, and neither is a
    /// single failure.
    pub fn is_bad(&self) -> bool {
        match self {
            Self::Unusable { .. } | Self::Failing { .. } => true,
            Self::SetAside { phase, .. } => *phase != SetAside::Returning,
            Self::Retrying { repeatedly, .. } => *repeatedly,
            Self::Off { by_deliver, .. } => *by_deliver,
            Self::Well => false,
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
            Self::Off {
                reason,
                at,
                set_aside,
                ..
            } => {
                formatter.write_str("off")?;
                if let Some(at) = at {
                    write!(formatter, " since {}", crate::time::minute(*at))?;
                }
                if let Some(reason) = reason {
                    write!(formatter, ": {reason}")?;
                }
                match set_aside {
                    true => formatter.write_str("; earlier deliveries are set aside"),
                    false => Ok(()),
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
            Self::Retrying {
                deliveries,
                next_at,
                ..
            } => {
                match deliveries {
                    1 => formatter.write_str("1 delivery waits for another attempt")?,
                    _ => write!(
                        formatter,
                        "{deliveries} deliveries wait for another attempt"
                    )?,
                }
                match next_at {
                    Some(at) => write!(formatter, " at {}", crate::time::second(*at)),
                    None => Ok(()),
                }
            }
            Self::Well => formatter.write_str("well"),
        }
    }
}

#[cfg(test)]
mod tests;
