//! The tests that need a real PostgreSQL or the whole local stack. They are one binary, because they share servers that are
//! slow to start. Each test has its own database, or its own pages on a shared stack.
//!
//! | folder | tests | needs |
//! |---|---|---|
//! | `capture` | the triggers: outbox rows, doorbell, due times | a database |
//! | `drain` | content-events: claims, publication, faults, replays, snapshots, schedules | a database and a fake topic |
//! | `property` | random editors and random drains | a database with logical decoding |
//! | `faults` | random editors and the functions' processes, with kills and faults of all they use | a database, which crashes |
//! | `public_view` | what the public sees, on several versions of Wagtail | a database, and Wagtail in that version |
//! | `migrate` | the function migrate | a database and Django |
//! | `delivery` | fan-out and deliver: order, retries, filters, targets, backlogs | the local stack; `fleet` only fakes |
//! | `editing` | edits in Wagtail's admin and the events that arrive | the local stack |
//! | `stack` | the deployed stack: lifecycle, faults, the log doorbell, the demo's page | the local stack |
//! | `operator` | the command `wagrun` | the local stack |
//! | `payloads` | the examples in the documents | the local stack |
//! | `support` | fixtures and fakes of the tests | |

#![allow(clippy::disallowed_methods)]
// Tests and their helpers may panic.
#![allow(clippy::unwrap_used)]

mod capture;
mod delivery;
mod drain;
mod editing;
mod faults;
mod migrate;
mod operator;
mod payloads;
mod property;
mod public_view;
mod stack;
mod support;
