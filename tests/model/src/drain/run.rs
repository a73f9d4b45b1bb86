//! A run of content-events, step by step (`drain`, `live_events`, `open_transactions`).

use super::claim::{claim, undo};
use super::presence;
use super::scenario::{Safeguards, Scenario};
use super::state::{Ring, Run, State, Step};
use super::topic;

/// The end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepEnd {
    /// The run goes on.
    GoesOn,
    /// The run is over.
    Over,
}

/// Returns true when the run can take its next step. `Publish` has steps of its own.
pub fn can_step(safeguards: &Safeguards, state: &State, run: &Run) -> bool {
    match run.step {
        Step::Publish => false,
        Step::StandBy => state.is_lock_free(),
        Step::TakeExclusive => {
            presence::is_exclusive_free(safeguards, state)
                || state.is_pending_for(run)
                || run.is_present
        }
        Step::TakeNext => {
            !safeguards.one_stands_by
                || !safeguards.leaves_beside_two_others
                || !is_held_by_one(state)
        }
        Step::Wait => match run.waits_for {
            Some(transaction) if safeguards.waits_for_commit && state.is_open(transaction) => {
                // The pause between two checks ends again and again. Only a check that finds work is a step.
                state.is_pending_for(run) && (state.is_lock_free() || state.is_next_free())
            }
            _ => true,
        },
        _ => true,
    }
}

/// Returns true when one run holds both locks. It is about to release the second one.
fn is_held_by_one(state: &State) -> bool {
    state
        .runs
        .iter()
        .any(|run| run.holds_lock && run.holds_next)
}

/// Takes the next step of a run, which `state.runs` does not contain meanwhile.
pub fn step(
    scenario: &Scenario,
    safeguards: &Safeguards,
    state: &mut State,
    run: &mut Run,
) -> StepEnd {
    run.step = match run.step {
        Step::Look => match state.is_pending_for(run) {
            true if !safeguards.numbers_under_lock => Step::Claim,
            true => Step::TakeLock,
            false if !safeguards.all_take_exclusive && !run.is_present => {
                presence::first_look(safeguards)
            }
            false => presence::before_look(scenario, safeguards),
        },
        Step::TakeLock => take_lock(scenario, safeguards, state, run),
        Step::TakeNext => take_next(scenario, safeguards, state, run),
        Step::StandBy => {
            run.holds_lock = true;
            presence::begin(scenario, state, run);
            Step::ReleaseNext
        }
        Step::ReleaseNext => {
            run.holds_next = false;
            with_lock(safeguards)
        }
        Step::Claim => {
            let events = claim(scenario, safeguards, state, run);
            match safeguards.numbers_under_lock {
                true => {
                    state.events.extend(events);
                    Step::Publish
                }
                false => {
                    run.pass = None;
                    run.uncommitted = events;
                    Step::CommitClaim
                }
            }
        }
        Step::CommitClaim => {
            state.events.append(&mut run.uncommitted);
            state.events.sort_unstable();
            Step::TakeLock
        }
        Step::Publish => Step::Publish,
        Step::Unlock => {
            run.holds_lock = false;
            match run.is_time_over {
                true if safeguards.rings_after_unlock => Step::RingAgain,
                true => Step::RingForTransaction,
                false => presence::before_look(scenario, safeguards),
            }
        }
        Step::TakeExclusive => presence::take_exclusive(safeguards, state, run),
        Step::CheckTransaction => {
            run.waits_for
                .take_if(|transaction| safeguards.waits_for_commit && !state.is_open(*transaction));
            match safeguards.looks_after_unlock && safeguards.checks_before_looking {
                true => Step::LookAgain,
                false => Step::Wait,
            }
        }
        Step::LookAgain => match state.is_pending_for(run) {
            true => {
                run.holds_exclusive = false;
                Step::Look
            }
            false => presence::after_look(safeguards, run),
        },
        Step::ReleaseExclusive => {
            run.holds_exclusive = false;
            presence::after_release(safeguards, run)
        }
        Step::EndPresence => {
            run.is_present = false;
            Step::Wait
        }
        Step::RingAgain if run.is_present && safeguards.absent_before_ring => {
            run.is_present = false;
            Step::RingAgain
        }
        Step::RingAgain => {
            state.rings.push(Ring::Again);
            match run.holds_lock {
                true => Step::Unlock,
                false => Step::RingForTransaction,
            }
        }
        Step::Wait => match run.waits_for {
            Some(transaction) if safeguards.waits_for_commit => {
                if !state.is_open(transaction) {
                    run.waits_for = None;
                }
                Step::Look
            }
            _ => return end(state, run),
        },
        Step::RingForTransaction => {
            state.rings.extend(run.waits_for.map(Ring::For));
            return end(state, run);
        }
    };
    StepEnd::GoesOn
}

fn take_lock(scenario: &Scenario, safeguards: &Safeguards, state: &State, run: &mut Run) -> Step {
    match state.is_lock_free() {
        true => {
            run.holds_lock = true;
            presence::begin(scenario, state, run);
            with_lock(safeguards)
        }
        false => Step::TakeNext,
    }
}

/// Returns the first step of the work under the lock (`live_events::drain_locked`).
fn with_lock(safeguards: &Safeguards) -> Step {
    match safeguards.numbers_under_lock {
        true => Step::Claim,
        false => Step::Publish,
    }
}

/// Stands by, or leaves to two other runs (`live_events::stand_by`).
fn take_next(
    scenario: &Scenario,
    safeguards: &Safeguards,
    state: &mut State,
    run: &mut Run,
) -> Step {
    if safeguards.one_stands_by && state.is_next_free() {
        run.holds_next = true;
        presence::begin(scenario, state, run);
        return Step::StandBy;
    }
    if run.is_present {
        run.is_present = false;
        return Step::TakeNext;
    }
    if safeguards.one_stands_by && safeguards.leaves_beside_two_others && state.is_lock_free() {
        return Step::TakeLock;
    }
    state.a_run_has_left = true;
    Step::Wait
}

/// Returns true when the batch is done: each event is settled or was refused, or the time is over.
pub fn is_batch_done(safeguards: &Safeguards, state: &State, run: &Run) -> bool {
    let mut objects = 0..state.arrivals.len() as u8;
    run.step == Step::Publish
        && run.calls.is_empty()
        && run.accepted.is_empty()
        && objects.all(|object| topic::next_event(safeguards, state, run, object).is_none())
}

/// Ends a batch: the next claim follows, or the lock is released (`live_events::drain_locked`).
pub fn end_batch(safeguards: &Safeguards, run: &mut Run) {
    let has_more = run.pass.as_ref().is_some_and(|pass| pass.has_more);
    run.step = match run.is_time_over {
        false if has_more => Step::Claim,
        true if !safeguards.rings_after_unlock => Step::RingAgain,
        _ => Step::Unlock,
    };
    if run.step != Step::Claim {
        run.pass = None;
    }
}

/// Returns true when it matters whether the time of the run is over.
pub fn can_run_out_of_time(safeguards: &Safeguards, state: &State, run: &Run) -> bool {
    let waits = |transaction| run.step == Step::Wait && state.is_open(transaction);
    match run.step {
        Step::StandBy => true,
        Step::TakeExclusive => !presence::is_exclusive_free(safeguards, state),
        Step::Publish => !run.is_time_over,
        _ => run.waits_for.is_some_and(waits),
    }
}

/// Ends the time of a run.
pub fn run_out_of_time(safeguards: &Safeguards, run: &mut Run) {
    match run.step {
        Step::StandBy => {
            run.holds_next = false;
            run.step = Step::RingAgain;
        }
        Step::TakeExclusive if !safeguards.rings_without_exclusive => {
            run.is_present = false;
            run.step = Step::RingForTransaction;
        }
        // A ring for the transaction that rang is enough, because each run takes the exclusive lock.
        Step::TakeExclusive if run.waits_for.is_some() => {
            run.is_present = false;
            run.step = Step::RingForTransaction;
        }
        Step::TakeExclusive => run.step = Step::RingAgain,
        Step::Wait => run.step = Step::RingForTransaction,
        _ => run.is_time_over = true,
    }
}

/// Ends a run. Lambda repeats an invocation that failed.
fn end(state: &mut State, run: &Run) -> StepEnd {
    if !run.refused.is_empty() {
        repeat(state, run.ring);
    }
    StepEnd::Over
}

/// Ends a run without a trace: its session ends, and with it its locks and its statement. A call to the topic may still arrive.
pub fn crash(safeguards: &Safeguards, state: &mut State, run: &Run) {
    state.is_lock_left_behind |= run.holds_lock && !safeguards.lock_ends_with_session;
    undo(state, &run.uncommitted);
    let calls = run.calls.iter().filter(|call| !call.is_accepted);
    state.late_calls.extend(calls);
    repeat(state, run.ring);
}

/// Starts the run again, as Lambda does twice after a failure. An operator does not, and the schedule has its next time.
fn repeat(state: &mut State, ring: Ring) {
    match ring {
        Ring::For(_) | Ring::Again => state.repetitions.push(ring),
        Ring::Operator | Ring::Sweep => {}
    }
}
