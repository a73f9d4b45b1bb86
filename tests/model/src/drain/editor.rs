//! The editors: their transactions change rows, write the outbox, ring and end.

use super::scenario::{Row, Scenario};
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

/// Writes the last row of the transaction and rings, just before the commit (`wagrun.ring_at_commit`).
pub fn ring(state: &mut State, transaction: Transaction) {
    state.captured.push(Captured {
        transaction,
        row: None,
        is_in_outbox: true,
    });
    state.transactions[usize::from(transaction)] = TransactionState::Rung;
    state.rings.push(Ring::For(transaction));
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
