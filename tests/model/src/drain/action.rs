//! The steps that are possible in a state.

use super::editor;
use super::run;
use super::scenario::{Safeguards, Scenario};
use super::state::{Call, Ring, State, Step, Transaction, TransactionState};
use super::topic;

/// A step. Runs are named by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An editor changes the transaction's next row (`wagrun.capture_row`).
    Change(Transaction),
    /// The deferred trigger writes the last row and rings (`wagrun.ring_at_commit`).
    RingDoorbell(Transaction),
    /// The transaction commits.
    Commit(Transaction),
    /// The transaction rolls back.
    RollBack(Transaction),
    /// Lambda starts a run for a ring, sooner or later.
    StartRun(Ring),
    /// An operator starts a run.
    StartOperatorRun,
    /// The schedule starts a run, while nothing else happens (`sweep`).
    StartSweep,
    /// A run takes its next step.
    Run(usize, Step),
    /// A run sends the event with this sequence to the topic (`Topic::publish_batch`).
    Send(usize, u8),
    /// The topic accepts an event.
    Accept(usize, Call),
    /// The answer of the topic arrives (`Publication::next`).
    Answer(usize, Call),
    /// A run settles the accepted events (`outbox::settle`).
    Settle(usize),
    /// A run ends its batch (`live_events::drain_locked`).
    EndBatch(usize),
    /// A call arrives whose run no longer waits for it.
    ArriveLate(Call),
    /// A call never arrives whose run no longer waits for it.
    NeverArrive(Call),
    /// Fault: the last row is written, and the ring is lost.
    LoseRing(Transaction),
    /// Fault: a ring arrives twice.
    DoubleRing(Ring),
    /// Fault: a run ends without a trace.
    Crash(usize),
    /// Fault: the topic refuses an event (`batch::record_refusal`).
    Refuse(usize, Call),
    /// Fault: the answer of the topic is lost.
    LoseAnswer(usize, Call),
    /// Fault: the time of a run is over.
    RunOutOfTime(usize),
    /// Fault: the topic forgets the ids that it has seen. No call takes five minutes, so none is under way.
    ForgetIds,
}

/// Lists the steps that are not faults. Without any, the state is an end.
pub fn progress(scenario: &Scenario, safeguards: &Safeguards, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    for transaction in 0..state.transactions.len() as Transaction {
        edits(scenario, state, transaction, &mut actions);
    }
    let can_start = state.runs.len() < scenario.copies;
    if can_start {
        let mut rings = state.rings.clone();
        rings.dedup();
        actions.extend(rings.into_iter().map(Action::StartRun));
    }
    if can_start && state.operator_runs > 0 && state.is_pending() {
        actions.push(Action::StartOperatorRun);
    }
    if safeguards.sweeps && state.is_idle() && state.is_pending() {
        actions.push(Action::StartSweep);
    }
    for (index, one) in state.runs.iter().enumerate() {
        // Of runs in the same state, one stands for all.
        if index > 0 && state.runs[index - 1] == *one {
            continue;
        }
        if run::can_step(safeguards, state, one) {
            actions.push(Action::Run(index, one.step));
        }
        if one.step == Step::Publish {
            publishing(safeguards, state, index, &mut actions);
        }
    }
    for call in &state.late_calls {
        actions.extend([Action::ArriveLate(*call), Action::NeverArrive(*call)]);
    }
    actions
}

fn edits(scenario: &Scenario, state: &State, transaction: Transaction, actions: &mut Vec<Action>) {
    match state.transactions[usize::from(transaction)] {
        TransactionState::Open(_) => match editor::next_row(scenario, state, transaction) {
            Some(row) if editor::is_locked(state, row, transaction) => {}
            Some(_) => actions.push(Action::Change(transaction)),
            None => actions.push(Action::RingDoorbell(transaction)),
        },
        TransactionState::Rung => actions.push(Action::Commit(transaction)),
        TransactionState::Committed | TransactionState::RolledBack => return,
    }
    if scenario.rollbacks {
        actions.push(Action::RollBack(transaction));
    }
}

fn publishing(safeguards: &Safeguards, state: &State, index: usize, actions: &mut Vec<Action>) {
    let one = &state.runs[index];
    let objects = 0..state.arrivals.len() as u8;
    let next = objects.filter_map(|object| topic::next_event(safeguards, state, one, object));
    actions.extend(next.map(|sequence| Action::Send(index, sequence)));
    actions.extend(one.calls.iter().map(|call| match call.is_accepted {
        true => Action::Answer(index, *call),
        false => Action::Accept(index, *call),
    }));
    if !one.accepted.is_empty() {
        actions.push(Action::Settle(index));
    }
    if run::is_batch_done(safeguards, state, one) {
        actions.push(Action::EndBatch(index));
    }
}

/// Lists the faults that may happen now.
pub fn faults(scenario: &Scenario, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    let faults = state.faults;
    if faults.lost_rings > 0 {
        for transaction in 0..state.transactions.len() as Transaction {
            let is_writing = state.is_open(transaction)
                && state.transactions[usize::from(transaction)] != TransactionState::Rung;
            if is_writing && editor::next_row(scenario, state, transaction).is_none() {
                actions.push(Action::LoseRing(transaction));
            }
        }
    }
    if faults.doubled_rings > 0 {
        actions.extend(state.rings.iter().map(|ring| Action::DoubleRing(*ring)));
    }
    for (index, one) in state.runs.iter().enumerate() {
        if faults.crashes > 0 {
            actions.push(Action::Crash(index));
        }
        if faults.time_overs > 0 && run::can_run_out_of_time(state, one) {
            actions.push(Action::RunOutOfTime(index));
        }
        for call in &one.calls {
            if faults.refusals > 0 && !call.is_accepted {
                actions.push(Action::Refuse(index, *call));
            }
            if faults.lost_answers > 0 {
                actions.push(Action::LoseAnswer(index, *call));
            }
        }
    }
    let has_calls = state.runs.iter().any(|one| !one.calls.is_empty());
    if faults.forgotten_ids > 0
        && !state.remembered_ids.is_empty()
        && !has_calls
        && state.late_calls.is_empty()
    {
        actions.push(Action::ForgetIds);
    }
    actions
}
