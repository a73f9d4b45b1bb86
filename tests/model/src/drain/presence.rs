//! Presence: the runs that a commit may rely on instead of a ring (`drain_lock`, `outbox::add_look`).
//!
//! A run is present while it holds one of two locks. Before its presence ends it takes a third lock exclusively, which commits that
//! rely on it share, and looks again.

use super::editor::holds_shared;
use super::scenario::{Safeguards, Scenario};
use super::state::{Run, State, Step};

/// The number of locks of presence.
const PLACES: usize = 2;

/// Takes a lock of presence, if one is free and the run has none.
pub fn begin(scenario: &Scenario, state: &State, run: &mut Run) {
    run.is_present |= scenario.skips && state.present() < PLACES;
}

/// Returns true when neither a commit nor a run holds the lock.
pub fn is_exclusive_free(safeguards: &Safeguards, state: &State) -> bool {
    let mut transactions = state.transactions.iter();
    !state.is_exclusive_taken() && !transactions.any(|one| holds_shared(safeguards, *one))
}

/// Returns the first step of a look (`outbox::look`).
pub fn first_look(safeguards: &Safeguards) -> Step {
    match safeguards.checks_before_looking {
        true => Step::CheckTransaction,
        false => Step::LookAgain,
    }
}

/// Returns the step before the last look.
pub fn before_look(scenario: &Scenario, safeguards: &Safeguards) -> Step {
    match scenario.skips && safeguards.looks_under_exclusive {
        true => Step::TakeExclusive,
        false => first_look(safeguards),
    }
}

/// Takes the lock exclusively. A run that does not get it ends its presence, so that no further commit relies on it, and may drain
/// meanwhile.
pub fn take_exclusive(safeguards: &Safeguards, state: &State, run: &mut Run) -> Step {
    match is_exclusive_free(safeguards, state) {
        true => {
            run.holds_exclusive = true;
            first_look(safeguards)
        }
        false if state.is_pending_for(run) => Step::Look,
        false => {
            run.is_present = false;
            Step::TakeExclusive
        }
    }
}

/// Ends the presence in the statement that has seen nothing pending.
pub fn after_look(safeguards: &Safeguards, run: &mut Run) -> Step {
    run.is_present &= !safeguards.absent_before_release;
    match run.holds_exclusive {
        true => Step::ReleaseExclusive,
        false => after_release(safeguards, run),
    }
}

/// Returns the step after the exclusive lock was released.
pub fn after_release(safeguards: &Safeguards, run: &Run) -> Step {
    match () {
        () if run.is_present => Step::EndPresence,
        () if safeguards.checks_before_looking => Step::Wait,
        () => Step::CheckTransaction,
    }
}
