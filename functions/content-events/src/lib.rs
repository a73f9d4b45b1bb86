//! `content-events`: woken by the database, it brings the outbox to the topic and lets go of the database again.
//!
//! # Promise
//! Every committed outbox row reaches the topic at least once, under an id that never changes, and the events of
//! one object in commit order. When the outbox is empty, no connection is left.
//!
//! # Steps, and what a crash at each does
//! 0. **Leave a paused database asleep** ([`sweep`]), when nobody rang, it is only the schedule's sweep, nobody has used
//!    the database since the last look, and no schedule was missed.
//! 1. **Drain what is committed**, and only then wait for the transaction that rang: the doorbell rings just before COMMIT.
//!    While that is open, what others commit is drained as well. A crash here loses only the ring: the change is there for
//!    the next one, for Lambda's own retry or for the sweep. A transaction that outlasts the wait gets a new ring.
//! 2. **Take the drain lock**, a session advisory lock. Who finds it taken stands by until it is free, or leaves when another
//!    one stands by already: the holder looks once more *after* it has let go, so a change that was committed before the
//!    attempt is seen by one of them. A crash ends the session, and with it the lock; the session's own time-outs end it
//!    where no FIN was sent, and whoever stands by takes over.
//! 3. **Claim**: the changes of whole transactions are folded into events, one for each object, and numbered in the order in
//!    which their rows' locks were passed on. That is one statement: a crash leaves the changes in the outbox, or numbered
//!    events that the next run finds pending.
//! 4. **Add the present state** of objects that were changed in their parts alone. A table that somebody alters is left to
//!    them; its events wait, and no others.
//! 5. **Publish** ([`publish`]): up to ten objects a call, many calls at once, one event of an object at a time. A
//!    crash, or a lost answer, leaves events pending that the topic may already have: they are published again under
//!    the same id, which the topic drops within five minutes and a receiver can drop for ever. An event that is
//!    refused holds back the later events of its own object, and nothing else; the invocation then fails. One that is refused
//!    for its own sake three times, or can't be written, is set apart: it waits for an operator and holds back nothing.
//! 6. **Settle** as the answers come: published events become history. A crash before it is a crash in step 5.
//! 7. **Unlock, look again**, and only then ring for what is left when the time is over.
//! 8. **Backfill** (`backfill`), when a replay or a snapshot is under way and no live event is left: a slice, live
//!    events again, a pause. A crash repeats a slice, with the same ids.
//! 9. **Schedule** ([`schedules`]), when a due time has changed or it is a sweep: what is due is read afresh, the schedules
//!    are made equal to it, and then the changes are forgotten. A crash repeats all of it.
//! 10. **Disconnect.**

mod backfill;
mod batch;
pub mod classify;
pub mod compose;
pub mod config;
mod doorbell;
pub mod drain;
mod due;
pub mod handler;
mod live;
pub mod outcome;
mod outlet;
pub mod publish;
pub mod request;
pub mod schedules;
mod server_log;
pub mod site_url;
pub mod sweep;
pub mod wake;

pub use drain::Drainer;
