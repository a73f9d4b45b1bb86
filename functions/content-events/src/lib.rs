//! `content-events`: brings the changes in the outbox to the event topic, and then disconnects from the database.
//!
//! # Promise
//! Every committed outbox row reaches the topic at least once, under an id that never changes. The events of one object
//! arrive in commit order. When the outbox is empty, no connection is left.
//!
//! # Steps, and the effect of a crash in each
//! 0. **Leave a paused database asleep** (`sweep`). This is for an invocation by the schedule, when no other session has
//!    used the database since the last check and no schedule was missed.
//! 1. **Drain committed changes** (`live_events`), and only then wait for the transaction that rang
//!    (`open_transactions`). The doorbell rings just before COMMIT. While that transaction is open, changes of others are
//!    drained. A crash here loses only the ring: the next ring, Lambda's own retry or the sweep finds the change. A
//!    transaction that outlasts the wait gets a new ring.
//! 2. **Take the drain lock**, a session advisory lock. A drainer that finds it taken stands by until it is free, or leaves
//!    when two others hold the lock and stand by. The holder looks for changes once more *after* it has released the lock. So each
//!    of the two sees a change that was committed before the attempt. A crash ends the session, and with it the lock. Where the
//!    server did not notice the crash, the session's time-outs end it, and the drainer that stands by takes over.
//! 3. **Claim and read**: fold the changes of whole transactions into events, one for each object, and number them in the order
//!    in which their rows' locks were passed on. Read the events, and what they are composed from. That is one round trip and one
//!    transaction: a crash leaves the changes in the outbox, or numbered events that the next run finds pending.
//! 4. **Add the present state** of objects of which only parts were changed. A table that a migration alters is left alone.
//!    Its events wait, and no others.
//! 5. **Publish** (`publish`): up to ten objects a call, many calls at once, one event of an object at a time. The next
//!    one is sent after it is settled, because SNS may forget the ids of the two at different times. After a
//!    crash or a lost answer, events are pending that the topic may already have. They are published again under the same
//!    id, which the topic drops within five minutes and a receiver can always drop. A refused event holds back the later
//!    events of its own object and nothing else, and the invocation then fails. An event is set apart when it is refused
//!    three times for a fault of its own or cannot be written. It waits for an operator and holds back nothing.
//! 6. **Settle** as the answers come (`batch`): published events become history. A crash before it is a crash in step 5.
//! 7. **Settle the last events, unlock, look again**, in one round trip. The look asks for the transaction that rang, and then for
//!    changes, so that its changes are seen if it has ended. Only then ring for the changes that are left when the time is over.
//! 8. **Backfill** (`backfill`), when a replay or a snapshot is under way and no live event is left: one slice, live
//!    events again, a pause. A crash repeats a slice, with the same ids.
//! 9. **Schedule** (`schedules`), when a due time has changed or in a sweep: read the due times, make the schedules equal
//!    to them, and then forget the changes. A crash repeats all of it.
//! 10. **Disconnect.**
//!
//! # Modules
//! Each module imports only modules further down in this list:
//! - `handler`, `drain`, `matching`, `undecided`, `backfill`, `live_events`, `drain_lock`, `visibility_scan`, `batch`,
//! - `open_transactions`, `run_state`, `error`, `report`, `context`, `sweep`, `schedules`, `publish`, `compose`, `classify`, `page_change`, `action`,
//! - `visibility`, `address`, `invocation`, `request`, `server_log`, `config`.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod action;
mod address;
mod backfill;
mod batch;
mod classify;
mod compose;
mod config;
mod context;
mod drain;
mod drain_lock;
mod error;
#[cfg(test)]
mod fixtures;
mod handler;
mod invocation;
mod live_events;
mod matching;
mod open_transactions;
mod page_change;
mod publish;
mod report;
mod request;
mod run_state;
mod schedules;
mod server_log;
mod session;
mod sweep;
mod undecided;
mod visibility;
mod visibility_scan;

pub use action::Action;
pub use config::{Config, ScheduleConfig};
pub use drain::Drainer;
pub use error::DrainError;
pub use handler::handle;
pub use invocation::{Invocation, InvocationError};
pub use report::{DrainReport, MatchReport, OtherPath};
pub use request::{Match, Replay, Request, RequestError, Snapshot};
pub use schedules::{ScheduleError, SyncError};
pub use sweep::{MetricError, SweepError};
pub use wagrun_database::outbox::BackfillProgress;

/// Private parts for the targets in `fuzz/`, which cargo-fuzz builds with `cfg(fuzzing)`.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    use wagrun_database::outbox::{CapturedChange, VisibilityRules};

    pub use crate::server_log::doorbells;

    /// Returns the JSON that is published for a change, or the reason why it is set apart; none when there is nothing to say.
    pub fn published_json(
        change: &CapturedChange,
        rules: &VisibilityRules,
    ) -> Option<Result<String, String>> {
        let decision = crate::classify::decide(change, &change.said, rules);
        let event = crate::compose::compose(change, &decision, "/wagrun/fuzz")?;
        let outgoing = crate::publish::OutgoingEvent::new(change.sequence, event);
        Some(match outgoing {
            Ok(outgoing) => Ok(outgoing.json),
            Err(error) => Err(error.to_string()),
        })
    }
}
