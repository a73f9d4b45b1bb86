//! The drain under every fault that a test can cause: no event is lost or invented, and the events of an object stay in order.

mod commits;
mod faults;
mod interleavings;
mod locks;
mod replays;
mod restored_databases;
mod runs;
mod schedules;
mod snapshots;
mod unreadable_rows;
