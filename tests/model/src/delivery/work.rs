//! The work of a copy of deliver with one message, step by step (`delivery::run`, `delivery::recall`, `resend_lane`).

use super::backlog;
use super::scenario::Safeguards;
use super::state::{Backlog, Content, Deliver, State, Step, Visibility, Work};

/// The subscriber's condition after a failure (`subscriber_health::Condition`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It may accept other deliveries.
    Alive,
    /// It has accepted nothing for so long that its deliveries are to be set aside.
    Dead,
    /// It is switched off by its own answer.
    Off,
}

/// Starts the work with a message that SQS hands out.
pub fn receive(
    safeguards: &Safeguards,
    state: &mut State,
    copy: &mut Deliver,
    lane: usize,
    index: usize,
) {
    let queue = &mut state.lanes[lane].queue;
    let content = queue[index].content;
    queue[index].visibility = Visibility::Out;
    if !safeguards.deleted_after_work {
        queue.remove(index);
    }
    copy.work = Some(Work {
        lane,
        content: Some(content),
        knew: copy.knows,
        step: match content {
            Content::Delivery(_) => Step::Decide,
            Content::Recall => Step::ReadOldest,
        },
    });
}

/// Takes the next step of the work. `may_probe` decides if a delivery that would be set aside is a probe instead.
pub fn step(
    safeguards: &Safeguards,
    state: &mut State,
    copy: &mut Deliver,
    work: &Work,
    may_probe: bool,
) {
    let lane = work.lane;
    let next = match work.step {
        Step::Decide => match work.content {
            Some(Content::Delivery(number)) => {
                let decision = decide(safeguards, state, copy, lane, may_probe);
                return act(safeguards, state, copy, work, number, decision);
            }
            _ => Step::Delete,
        },
        Step::Call { .. } => work.step,
        Step::BeginReturn {
            number,
            is_set_aside,
        } => {
            backlog::begin_return(safeguards, state, copy);
            match is_set_aside {
                true => Step::Remove(number),
                false => Step::Delete,
            }
        }
        Step::SetAside(number) => {
            let bucket = &mut state.lanes[lane].bucket;
            bucket.push(number);
            bucket.sort_unstable();
            bucket.dedup();
            Step::RecallAfterSetAside
        }
        Step::RecallAfterSetAside => {
            let lane = &mut state.lanes[lane];
            let is_returning = copy.knows.is_some_and(|known| known.is_returning);
            if is_returning && !lane.is_recalled() {
                lane.send(Content::Recall);
            }
            Step::Delete
        }
        Step::ReadOldest => {
            // A recall reads the subscribers as they were after it was sent.
            copy.knows_on = state.is_on;
            match state.is_on {
                true => read_oldest(safeguards, state, lane),
                false => Step::Delete,
            }
        }
        Step::ReadNext => read_oldest(safeguards, state, lane),
        Step::Remove(number) => {
            state.lanes[lane].bucket.retain(|one| *one != number);
            Step::ReadNext
        }
        Step::Delete => return delete(state, copy, work),
    };
    copy.work = Some(Work {
        step: next,
        ..*work
    });
}

/// The decision about a delivery before its attempt (`decide::Action`).
enum Decision {
    Send,
    Probe,
    SetAside,
    Defer,
    BeginBacklog,
}

/// Loads the facts and decides (`facts::load`, `decide::before_attempt`).
fn decide(
    safeguards: &Safeguards,
    state: &State,
    copy: &mut Deliver,
    lane: usize,
    may_probe: bool,
) -> Decision {
    // A subscriber that is known and on is used as the cache has it. Any other is read again.
    if !copy.knows_on {
        copy.knows_on = state.is_on;
    }
    let lane = &state.lanes[lane];
    let is_empty = lane.bucket.is_empty();
    let is_lane_set_aside = safeguards.sends_only_behind_empty_bucket && !is_empty;
    let is_settled = |known: Backlog| state.is_settled(known);
    match (copy.knows_on, copy.knows) {
        (true, Some(_)) if is_lane_set_aside => Decision::SetAside,
        (true, Some(known)) if is_settled(known) && !known.is_returning => match may_probe {
            true => Decision::Probe,
            false => Decision::SetAside,
        },
        (true, _) => Decision::Send,
        (false, Some(known))
            if known.is_returning && is_empty && safeguards.return_adds_to_no_empty_lane =>
        {
            Decision::BeginBacklog
        }
        (false, Some(known)) if is_settled(known) => Decision::SetAside,
        (false, Some(_)) => Decision::Defer,
        (false, None) => Decision::BeginBacklog,
    }
}

/// Returns true when a probe is possible: the decision would be another one.
pub fn can_probe(state: &State, copy: &Deliver, work: &Work) -> bool {
    let is_kept = |known: Backlog| state.is_settled(known) && !known.is_returning;
    work.step == Step::Decide
        && state.lanes[work.lane].bucket.is_empty()
        && (copy.knows_on || state.is_on)
        && copy.knows.is_some_and(is_kept)
}

fn act(
    safeguards: &Safeguards,
    state: &mut State,
    copy: &mut Deliver,
    work: &Work,
    number: u8,
    decision: Decision,
) {
    let call = |is_probe| Step::Call {
        number,
        is_probe,
        is_set_aside: false,
    };
    let step = match decision {
        Decision::Send => call(false),
        Decision::Probe => call(true),
        Decision::SetAside => Step::SetAside(number),
        Decision::Defer => return defer(state, copy, work),
        Decision::BeginBacklog => {
            backlog::begin(safeguards, state, Some(copy));
            return defer(state, copy, work);
        }
    };
    copy.work = Some(Work { step, ..*work });
}

/// Reads the oldest delivery of the lane from the bucket (`Bucket::first`).
fn read_oldest(safeguards: &Safeguards, state: &mut State, lane: usize) -> Step {
    let bucket = &mut state.lanes[lane].bucket;
    let Some(number) = bucket.first().copied() else {
        return Step::Delete;
    };
    if !safeguards.removed_after_acceptance {
        bucket.remove(0);
    }
    Step::Call {
        number,
        is_probe: false,
        is_set_aside: true,
    }
}

/// Ends the work of a recall, and sends another recall that goes on with the lane (`resend_lane::hand_over`).
pub fn hand_over(state: &mut State, copy: &mut Deliver, work: &Work) {
    state.lanes[work.lane].send(Content::Recall);
    copy.work = Some(Work {
        step: Step::Delete,
        ..*work
    });
}

/// The receiver accepts the delivery.
pub fn accept(state: &mut State, copy: &mut Deliver, work: &Work) {
    if let Step::Call {
        number,
        is_set_aside,
        ..
    } = work.step
    {
        state.lanes[work.lane].accepted.push(number);
        let step = Step::BeginReturn {
            number,
            is_set_aside,
        };
        copy.work = Some(Work { step, ..*work });
    }
}

/// The receiver refuses the delivery (`decide::after_failure`, `policy::after_refusal`).
pub fn refuse(
    safeguards: &Safeguards,
    state: &mut State,
    copy: &mut Deliver,
    work: &Work,
    condition: Condition,
) {
    let Step::Call {
        number,
        is_probe,
        is_set_aside,
    } = work.step
    else {
        return;
    };
    state.is_on &= condition != Condition::Off;
    let counts = copy.knows.is_some_and(|known| known.is_returning);
    let step = match (is_set_aside, condition) {
        // A recall leaves the delivery in the bucket. It comes back for the next attempt, if the failure counts.
        (true, Condition::Alive | Condition::Dead) if counts => {
            return keep(state, copy, work, Visibility::Visible);
        }
        (true, _) => Step::Delete,
        (false, condition) => {
            if condition != Condition::Alive {
                backlog::begin(safeguards, state, Some(copy));
            }
            match condition {
                Condition::Off => return defer(state, copy, work),
                _ if is_probe => Step::SetAside(number),
                _ => return keep(state, copy, work, Visibility::Visible),
            }
        }
    };
    copy.work = Some(Work { step, ..*work });
}

/// Ends the work, and hides its message for the settling time (`run::deferred`).
fn defer(state: &mut State, copy: &mut Deliver, work: &Work) {
    let known = copy.knows;
    keep(state, copy, work, Visibility::Deferred(known));
}

/// Ends the work, and keeps its message in the queue.
fn keep(state: &mut State, copy: &mut Deliver, work: &Work, visibility: Visibility) {
    copy.work = None;
    let queue = state.lanes[work.lane].queue.iter_mut();
    let mut own = queue.filter(|message| Some(message.content) == work.content);
    if let Some(message) = own.find(|message| message.visibility == Visibility::Out) {
        message.visibility = visibility;
    }
}

/// Ends the work, and deletes its message.
fn delete(state: &mut State, copy: &mut Deliver, work: &Work) {
    copy.work = None;
    let queue = &mut state.lanes[work.lane].queue;
    let own = queue
        .iter()
        .position(|message| Some(message.content) == work.content);
    own.map(|index| queue.remove(index));
}

/// Ends a copy without a trace. SQS shows its message again after the visibility timeout. A new copy reads the parameters anew.
pub fn crash(state: &mut State, copy: &mut Deliver) {
    if let Some(work) = copy.work {
        keep(state, copy, &work, Visibility::Visible);
    }
    copy.knows_on = state.is_on;
    copy.knows = state.backlog;
}
