//! The promises of delivery, as statements about one state.

use super::state::{Content, Lane, State, Step};

/// Returns true when no delivery is attempted before every earlier one of its lane was accepted.
pub fn nothing_overtakes(state: &State) -> bool {
    let mut work = state.copies.iter().filter_map(|copy| copy.work);
    work.all(|work| match work.step {
        Step::Call { number, .. } => {
            let accepted = &state.lanes[work.lane].accepted;
            (1..number).all(|earlier| accepted.contains(&earlier))
        }
        _ => true,
    })
}

/// Returns true when each event is in a queue, in the bucket, at work, or accepted.
pub fn nothing_is_lost(state: &State) -> bool {
    state.lanes.iter().enumerate().all(|(index, lane)| {
        (1..=lane.events).all(|number| {
            let content = Content::Delivery(number);
            lane.event_queue.contains(&number)
                || lane.queue.iter().any(|message| message.content == content)
                || lane.bucket.contains(&number)
                || lane.accepted.contains(&number)
                || is_at_work(state, index, number)
        })
    })
}

fn is_at_work(state: &State, lane: usize, number: u8) -> bool {
    let mut work = state.copies.iter().filter_map(|copy| copy.work);
    work.any(|work| {
        let is_its_message = work.content == Some(Content::Delivery(number));
        let is_called = matches!(work.step, Step::Call { number: called, .. } if called == number);
        work.lane == lane && (is_its_message || is_called)
    })
}

/// Returns true when the last delivery that a lane's receiver accepted is the newest that it accepted.
pub fn newest_is_last(lane: &Lane) -> bool {
    lane.accepted.last() == lane.accepted.iter().max()
}

/// Returns true when everything is accepted, or in the bucket of a subscriber that is off.
pub fn everything_is_delivered(state: &State) -> bool {
    state.lanes.iter().all(|lane| {
        let is_kept = |number| !state.is_on && lane.bucket.contains(&number);
        lane.event_queue.is_empty()
            && lane.queue.is_empty()
            && (1..=lane.events).all(|number| lane.accepted.contains(&number) || is_kept(number))
            && (!state.is_on || lane.bucket.is_empty())
    })
}
