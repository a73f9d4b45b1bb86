//! The topic, and the calls that publish events (`publish::Publication`, `publish::Topic`).

use super::scenario::Safeguards;
use super::state::{Arrival, Call, Run, State};

/// Returns the sequence of the event of the object that the run publishes next (`Lanes::next_batch`).
pub fn next_event(safeguards: &Safeguards, state: &State, run: &Run, object: u8) -> Option<u8> {
    let is_in_flight = |sequence: u8| run.calls.iter().any(|call| call.sequence == sequence);
    let of_object = state.events.iter().filter(|event| event.object == object);
    if run.is_time_over || safeguards.refusal_blocks_object && run.is_blocked(object) {
        return None;
    }
    if safeguards.one_event_in_flight && of_object.clone().any(|event| is_in_flight(event.sequence))
    {
        return None;
    }
    if safeguards.settles_before_the_next
        && of_object
            .clone()
            .any(|event| run.accepted.contains(&event.sequence))
    {
        return None;
    }
    let mut waiting = of_object.filter(|event| {
        !event.is_settled
            && !is_in_flight(event.sequence)
            && !run.accepted.contains(&event.sequence)
            && !run.refused.contains(&(object, event.sequence))
    });
    waiting.next().map(|event| event.sequence)
}

/// Sends an event to the topic (`Topic::publish_batch`).
pub fn send(safeguards: &Safeguards, state: &mut State, run: &mut Run, sequence: u8) {
    let last_id = &mut state.last_id;
    let events = &mut state.events;
    if let Some(event) = events.iter_mut().find(|event| event.sequence == sequence) {
        event.is_settled |= !safeguards.settles_after_acceptance;
        let id = match safeguards.id_with_number {
            true => event.id,
            false => {
                *last_id += 1;
                *last_id
            }
        };
        run.calls.push(Call {
            sequence,
            id,
            is_accepted: false,
        });
    }
}

/// Accepts the event of a call: SNS adds it to its object's group, unless it remembers the id.
pub fn accept(state: &mut State, call: Call) {
    if state.remembered_ids.contains(&call.id) {
        return;
    }
    state.remembered_ids.push(call.id);
    state.remembered_ids.sort_unstable();
    let mut events = state.events.iter();
    if let Some(event) = events.find(|event| event.sequence == call.sequence) {
        state.arrivals[usize::from(event.object)].push(Arrival {
            transaction: event.transaction,
            id: call.id,
        });
    }
}

/// Records the answer to a call whose event was accepted (`Publication::next`).
pub fn record_acceptance(safeguards: &Safeguards, run: &mut Run, call: Call) {
    run.calls.retain(|one| *one != call);
    if safeguards.settles_after_acceptance {
        run.accepted.push(call.sequence);
        run.accepted.sort_unstable();
    }
}

/// Records that the topic refused the event of a call, or did not answer (`batch::record_refusal`).
pub fn record_refusal(state: &State, run: &mut Run, call: Call) {
    run.calls.retain(|one| *one != call);
    let mut events = state.events.iter();
    if let Some(event) = events.find(|event| event.sequence == call.sequence) {
        run.refused.push((event.object, event.sequence));
        run.refused.sort_unstable();
    }
}

/// Settles the accepted events (`outbox::settle`).
pub fn settle(state: &mut State, run: &mut Run) {
    for event in &mut state.events {
        event.is_settled |= run.accepted.contains(&event.sequence);
    }
    run.accepted.clear();
}
