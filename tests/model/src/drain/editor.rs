//! The editors: their transactions change rows, write the outbox, ring and end.

use super::scenario::{Row, Safeguards, Scenario};
use super::state::{Captured, Ring, State, Transaction, TransactionState};

/// Returns the row that the transaction changes next, if it has one left.
pub fn next_row(scenario: &Scenario, state: &State, transaction: Transaction) -> Option<Row> {
    let index = usize::from(transaction);
    match state.transactions[index] {
        TransactionState::Open(changed) => scenario.transactions[index]
            .get(usize::from(changed))
            .copied(),
        _ => None,
    }
}

/// Returns true when another open transaction has changed the row, and so holds its lock.
pub fn is_locked(state: &State, row: Row, by_other_than: Transaction) -> bool {
    state.captured.iter().any(|captured| {
        captured.row == Some(row)
            && captured.transaction != by_other_than
            && state.is_open(captured.transaction)
    })
}

/// Locks and changes the next row, and captures the change (`wagrun.capture_row`). The position is drawn while the lock is held.
pub fn capture(scenario: &Scenario, state: &mut State, transaction: Transaction) {
    let row = next_row(scenario, state, transaction);
    state.captured.push(Captured {
        transaction,
        row,
        is_in_outbox: true,
    });
    if let TransactionState::Open(changed) = &mut state.transactions[usize::from(transaction)] {
        *changed += 1;
    }
}

/// Writes the last row of the transaction, if it is not there yet, and rings just before the commit (`wagrun.ring_at_commit`).
pub fn ring(state: &mut State, transaction: Transaction) {
    if state.transactions[usize::from(transaction)] != TransactionState::HasSeenRuns {
        write_last_row(state, transaction);
    }
    state.transactions[usize::from(transaction)] = TransactionState::Rung(false);
    state.rings.push(Ring::For(transaction));
}

/// Writes the last row of the transaction, and sees that two runs are present (`wagrun.are_two_present`).
pub fn see_runs(state: &mut State, transaction: Transaction) {
    write_last_row(state, transaction);
    state.transactions[usize::from(transaction)] = TransactionState::HasSeenRuns;
}

/// Takes the shared lock (`wagrun.ring_at_commit`).
pub fn take_shared(state: &mut State, transaction: Transaction) {
    state.transactions[usize::from(transaction)] = TransactionState::Shared;
}

/// Skips the ring beside two runs that are present, or rings (`wagrun.ring_at_commit`).
pub fn skip_or_ring(safeguards: &Safeguards, state: &mut State, transaction: Transaction) {
    let is_awaited = !safeguards.checks_under_shared || sees_runs(safeguards, state);
    state.transactions[usize::from(transaction)] = match is_awaited {
        true => TransactionState::Skipped,
        false => TransactionState::Rung(true),
    };
    if !is_awaited {
        state.rings.push(Ring::For(transaction));
    }
}

/// Returns true when so many runs are present that a commit may rely on them.
pub fn sees_runs(safeguards: &Safeguards, state: &State) -> bool {
    state.present() > usize::from(safeguards.skips_beside_two)
}

/// Returns true when the transaction holds the shared lock.
pub fn holds_shared(safeguards: &Safeguards, transaction: TransactionState) -> bool {
    match transaction {
        TransactionState::Shared => true,
        TransactionState::Rung(is_shared) => is_shared && safeguards.shared_until_commit,
        TransactionState::Skipped => safeguards.shared_until_commit,
        _ => false,
    }
}

fn write_last_row(state: &mut State, transaction: Transaction) {
    state.captured.push(Captured {
        transaction,
        row: None,
        is_in_outbox: true,
    });
}

/// Writes the last row of the transaction, and the ring is lost.
pub fn lose_ring(state: &mut State, transaction: Transaction) {
    ring(state, transaction);
    state.rings.pop();
    state.faults.lost_rings -= 1;
}

/// Commits the transaction: its rows become visible, and its locks are released.
pub fn commit(state: &mut State, transaction: Transaction) {
    state.transactions[usize::from(transaction)] = TransactionState::Committed;
}

/// Rolls the transaction back: it leaves no rows, and its locks are released.
pub fn roll_back(state: &mut State, transaction: Transaction) {
    state.transactions[usize::from(transaction)] = TransactionState::RolledBack;
    for captured in &mut state.captured {
        if captured.transaction == transaction {
            captured.is_in_outbox = false;
        }
    }
}

/// Returns true when both transactions are committed, and the first one passed the lock of a row of the object on to the second.
pub fn comes_before(state: &State, first: Transaction, second: Transaction, object: u8) -> bool {
    let rows = |transaction| {
        let captured = state.captured.iter().enumerate();
        captured.filter_map(move |(position, captured)| {
            let row = captured.row?;
            let is_its = captured.transaction == transaction && row / 2 == object;
            is_its.then_some((row, position))
        })
    };
    state.is_committed(first)
        && state.is_committed(second)
        && rows(first).any(|(row, position)| {
            rows(second).any(|(other, later)| row == other && position < later)
        })
}
