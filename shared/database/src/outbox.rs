//! The outbox as content-events uses it: all of its SQL, without a decision about the rows.

mod backfill;
mod change;
mod claim;
mod closing;
mod field_names;
mod lock;
mod look;
mod mark;
mod opening;
mod pending;
mod reference;
mod replay;
mod schedule;
mod script;
mod settle;
mod snapshot;
mod transaction;
mod visibility;
mod visibility_rules;

pub use backfill::{
    Backfill, BackfillProgress, MAX_SLICE_BYTES, OpenedBackfill, advance_backfill,
    backfill_is_open, backfill_progress, cancel_backfill, next_backfill, open_backfill,
    record_backfill_failure,
};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use change::decode;
pub use change::{CapturedChange, State};
pub use claim::{OutboxCursor, add_present_state};
pub use closing::{CloseError, Closed, Closing, close};
pub use field_names::FieldNames;
pub use lock::{Lock, UnlockError, are_held_by_two, is_lock_conflict, try_lock, unlock};
pub use look::{Arrival, Look, PendingStats, lock_if_pending, look};
pub use mark::{MARKED_MODEL, MarkedChange, mark};
pub use opening::{Opening, open};
pub use pending::{PendingBatch, pending};
pub use reference::Reference;
pub use replay::{ReplayRange, last_published, replay_reach, replayed_changes};
pub use schedule::{ScheduleChanges, due_minutes, forget_schedule_changes, schedule_changes};
pub use settle::{
    EventOutcome, SettleError, discard_set_apart, record_refusal, remove_history, retry_set_apart,
    set_apart, settle,
};
pub use snapshot::{PresentObject, WatchedModel, present_objects, watched_models};
pub use transaction::{TransactionStatus, ring_again, ring_for, transaction_status};
pub use visibility::{
    DecisionRecord, SaidVisibility, SeenObject, StoredDecision, Visibility, VisibilityScan,
    number_comparisons, number_due_decisions, record_decisions, record_visibilities,
    record_visibility_scan, request_visibility_scan, seen_objects,
};
pub use visibility_rules::{Collection, SiteRoot, UrlPatterns, ViewRestriction, VisibilityRules};
