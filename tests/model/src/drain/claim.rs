//! The claim: committed rows of the outbox become numbered events (`outbox::open`, `claim.sql`).

use super::scenario::{Safeguards, Scenario};
use super::state::{Event, Pass, Run, State, Transaction, object_of};

/// Claims the next rows, and returns their events with new numbers. It is one statement.
pub fn claim(
    scenario: &Scenario,
    safeguards: &Safeguards,
    state: &mut State,
    run: &mut Run,
) -> Vec<Event> {
    let mut pass = run.pass.take().unwrap_or_else(|| Pass {
        snapshot: committed(state),
        from: 0,
        window: scenario.window,
        has_more: false,
    });
    if !safeguards.pass_has_one_snapshot {
        pass.snapshot = committed(state);
    }
    let examined: Vec<usize> = (pass.from..state.captured.len())
        .filter(|position| {
            let row = &state.captured[*position];
            row.is_in_outbox && pass.snapshot.contains(&row.transaction)
        })
        .take(usize::from(pass.window))
        .collect();
    pass.has_more = examined.len() == usize::from(pass.window);
    // A transaction is whole when its last row was examined, or all rows were.
    let is_whole = |transaction: Transaction| {
        let mut rows = examined.iter().map(|position| &state.captured[*position]);
        !pass.has_more || rows.any(|row| row.transaction == transaction && row.row.is_none())
    };
    let taken: Vec<usize> = examined
        .iter()
        .copied()
        .filter(|position| is_whole(state.captured[*position].transaction))
        .collect();
    if taken.len() == examined.len() {
        pass.from = examined.last().map_or(pass.from, |last| last + 1);
        pass.window = scenario.window;
    } else if taken.len() < examined.len().div_ceil(2) {
        pass.window *= 4;
    }
    run.pass = Some(pass);
    let events = folded(safeguards, state, &taken);
    for position in taken {
        state.captured[position].is_in_outbox = false;
    }
    events
}

/// Folds the rows into one event for each transaction and object, in the order of the transactions' places, and numbers them.
fn folded(safeguards: &Safeguards, state: &mut State, taken: &[usize]) -> Vec<Event> {
    let mut changes: Vec<(usize, Transaction, u8)> = Vec::new();
    for position in taken {
        let row = &state.captured[*position];
        let Some(content) = row.row else { continue };
        let transaction = row.transaction;
        let of_transaction = taken.iter().copied();
        let mut of_transaction =
            of_transaction.filter(|one| state.captured[*one].transaction == transaction);
        let place = match safeguards.place_is_last_change {
            true => of_transaction.max(),
            false => of_transaction.next(),
        };
        changes.push((place.unwrap_or_default(), transaction, object_of(content)));
    }
    changes.sort_unstable();
    changes.dedup();
    let numbered = changes.into_iter().map(|(_, transaction, object)| {
        state.last_sequence += 1;
        Event {
            sequence: state.last_sequence,
            id: match safeguards.id_with_number {
                true => state.last_sequence,
                false => 0,
            },
            transaction,
            object,
            is_settled: false,
        }
    });
    numbered.collect()
}

/// Puts the rows of a claim that was not committed back into the outbox.
pub fn undo(state: &mut State, events: &[Event]) {
    for captured in &mut state.captured {
        if events
            .iter()
            .any(|event| event.transaction == captured.transaction)
        {
            captured.is_in_outbox = true;
        }
    }
}

fn committed(state: &State) -> Vec<Transaction> {
    let all = 0..state.transactions.len() as Transaction;
    all.filter(|one| state.is_committed(*one)).collect()
}
