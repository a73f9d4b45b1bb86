//! The drain under every fault that a test can cause: no event is lost or invented, and the events of an object stay in order.

mod backfill_runs;
mod batches;
mod commits;
mod concurrent_drainers;
mod editors;
mod faults;
mod filter_matches;
mod interleavings;
mod keys_and_children;
mod literals;
mod locks;
mod marked_changes;
mod replays;
mod restored_databases;
mod restricted_drafts;
mod round_trips;
mod runs;
mod schedules;
mod snapshot_interleavings;
mod snapshot_schema_changes;
mod snapshots;
mod unreadable_rows;
mod visibility;
