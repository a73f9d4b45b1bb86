//! The promises of the drain, as statements about one state.

use super::editor::comes_before;
use super::state::{Arrival, State, Transaction};

/// Returns true when every event that arrived is of a committed transaction.
pub fn nothing_is_invented(state: &State) -> bool {
    let mut arrivals = state.arrivals.iter().flatten();
    arrivals.all(|arrival| state.is_committed(arrival.transaction))
}

/// Returns true when every settled event has arrived.
pub fn nothing_is_lost(state: &State) -> bool {
    let mut settled = state.events.iter().filter(|event| event.is_settled);
    settled.all(|event| {
        let mut arrivals = state.arrivals[usize::from(event.object)].iter();
        arrivals.any(|arrival| arrival.transaction == event.transaction)
    })
}

/// Returns true when no event arrived before one whose transaction had a lock of the same row earlier.
pub fn objects_are_in_order(state: &State) -> bool {
    let all = || 0..state.transactions.len() as Transaction;
    state.arrivals.iter().zip(0..).all(|(arrivals, object)| {
        let has_arrived_before = |earlier, arrivals: &[Arrival]| {
            let mut arrivals = arrivals.iter();
            arrivals.any(|arrival| arrival.transaction == earlier)
        };
        arrivals.iter().enumerate().all(|(index, arrival)| {
            all().all(|earlier| {
                !comes_before(state, earlier, arrival.transaction, object)
                    || has_arrived_before(earlier, &arrivals[..index])
            })
        })
    })
}

/// Returns true when, with everything published, the last event that arrived of each object is its newest.
pub fn the_last_event_is_the_newest(state: &State) -> bool {
    if !state.is_idle() || state.is_pending() {
        return true;
    }
    state.arrivals.iter().zip(0..).all(|(arrivals, object)| {
        arrivals.last().is_none_or(|last| {
            let mut all = 0..state.transactions.len() as Transaction;
            all.all(|newer| !comes_before(state, last.transaction, newer, object))
        })
    })
}

/// Returns true when repetitions of an event have its id.
pub fn repetitions_have_the_same_id(state: &State) -> bool {
    state.arrivals.iter().all(|arrivals| {
        arrivals.iter().all(|one| {
            let mut others = arrivals.iter();
            others.all(|other| other.transaction != one.transaction || other.id == one.id)
        })
    })
}
