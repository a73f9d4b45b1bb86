//! `content-events`: woken by the database, it brings the outbox to the topic and lets go of the database again.
//!
//! # Promise
//! Every committed outbox row reaches the topic at least once, under an id that never changes, and the events of
//! one object in commit order. When the outbox is empty, no connection is left.
//!
//! # Steps, and what a crash at each does
//! 0. **Leave a paused database asleep** ([`asleep`]), when nobody rang, it is only the schedule's sweep and no schedule
//!    was missed.
//! 1. **Wait for the commit** ([`wake`], [`drain`]). The doorbell rings just before COMMIT. A crash here loses only
//!    the ring: the row is there for the next one, for Lambda's own retry or for the sweep. A transaction that outlasts
//!    the wait gets a new ring.
//! 2. **Take the drain lock**, a session advisory lock. Who finds it taken leaves: the holder looks once more *after*
//!    it has let go, so a row that was committed before the attempt is seen by one of the two. A crash ends the
//!    session, and with it the lock; the session's own time-outs end it where no FIN was sent.
//! 3. **Claim**: the next rows in order of capture get their sequence number, which is committed before anything is
//!    published. A crash leaves them pending; they keep their numbers.
//! 4. **Publish** ([`publish`]): up to ten objects a call, many calls at once, one event of an object at a time. A
//!    crash, or a lost answer, leaves rows pending that the topic may already have: they are published again under
//!    the same id, which the topic drops within five minutes and a receiver can drop for ever. An event that is
//!    refused holds back the later events of its own object, and nothing else; the invocation then fails.
//! 5. **Settle**: published rows leave the pending index. A crash before it is a crash in step 4.
//! 6. **Unlock, look again.**
//! 7. **Backfill** ([`backfill`]), when a replay or a snapshot is under way and no live event is left: a slice, live
//!    events again, a pause. A crash repeats a slice, with the same ids.
//! 8. **Schedule** ([`schedules`]), when a due time has changed or it is a sweep: what is due is read afresh, the schedules
//!    are made equal to it, and then the changes are forgotten. A crash repeats all of it.
//! 9. **Disconnect.**

pub mod asleep;
pub mod backfill;
pub mod classify;
pub mod compose;
pub mod config;
pub mod drain;
mod due;
pub mod handler;
pub mod outcome;
pub mod publish;
pub mod request;
pub mod schedules;
mod server_log;
pub mod site_url;
pub mod wake;

pub use drain::Drainer;
