//! The steps that are possible in a state.

use super::backlog::{self, Swept};
use super::scenario::Safeguards;
use super::state::{State, Step, Visibility};
use super::work::{self, Condition};

/// A step. Copies of deliver and lanes are named by their index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// fan-out sends the lane's next event on as a delivery.
    FanOut(usize),
    /// fan-out could not send the first event of a batch, and sends the second. A safeguard rules this out.
    FanOutSecond(usize),
    /// A copy receives a message of a lane.
    Receive {
        /// The copy.
        copy: usize,
        /// The lane.
        lane: usize,
        /// The place of the message in the lane.
        index: usize,
    },
    /// A copy takes its next step.
    Work(usize, Step),
    /// A copy decides to probe the subscriber (`Backlogs::is_probe_due`).
    Probe(usize),
    /// A copy has used up its ten seconds for the lane (`resend_lane::hand_over`).
    HandOver(usize),
    /// The receiver accepts a delivery.
    Accept(usize, Step),
    /// The cache of a copy is too old, and it reads the records of the backlogs (`ParameterCache::read`).
    ReadParameters(usize),
    /// A copy reads the subscriber from the directory. That may be as old as can be, so nothing waits for it.
    ReadSubscriber(usize),
    /// The time is over for which the first message of a lane is hidden.
    ShowDeferred(usize),
    /// The settling time of the backlog is over.
    Settle,
    /// The settling time of the return is over.
    SettleReturn,
    /// The sweep handles the backlog.
    Sweep(Swept),
    /// A message shows up again while a copy works with it. A safeguard rules this out.
    ShowTooEarly(usize),
    /// Fault: the receiver refuses a delivery.
    Refuse(usize, Condition),
    /// Fault: a copy ends without a trace.
    Crash(usize),
    /// The owner switches the subscriber off.
    SwitchOff,
    /// The owner switches the subscriber on.
    SwitchOn,
}

/// Lists the steps that are not faults. Without any, the state is an end.
pub fn progress(safeguards: &Safeguards, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    for (index, lane) in state.lanes.iter().enumerate() {
        if !lane.event_queue.is_empty() {
            actions.push(Action::FanOut(index));
        }
        if backlog::is_deferral_over(state, lane) {
            actions.push(Action::ShowDeferred(index));
        }
        if !safeguards.failed_message_holds_group && lane.event_queue.len() > 1 {
            actions.push(Action::FanOutSecond(index));
        }
    }
    for (index, copy) in state.copies.iter().enumerate() {
        // Of copies in the same state, one stands for all.
        if index > 0 && state.copies[index - 1] == *copy {
            continue;
        }
        if copy.knows != state.backlog {
            actions.push(Action::ReadParameters(index));
        }
        if copy.knows_on != state.is_on {
            actions.push(Action::ReadSubscriber(index));
        }
        match &copy.work {
            None => receive(safeguards, state, index, &mut actions),
            Some(one) => {
                if let Step::Call { .. } = one.step {
                    actions.push(Action::Accept(index, one.step));
                } else {
                    actions.push(Action::Work(index, one.step));
                }
                if work::can_probe(state, copy, one) {
                    actions.push(Action::Probe(index));
                }
                let has_objects = !state.lanes[one.lane].bucket.is_empty();
                if one.step == Step::ReadNext && has_objects && one.content.is_some() {
                    actions.push(Action::HandOver(index));
                }
            }
        }
    }
    if backlog::can_settle(state) {
        actions.push(Action::Settle);
    }
    if backlog::can_settle_return(state) {
        actions.push(Action::SettleReturn);
    }
    if safeguards.sweeps {
        actions.extend(backlog::sweep_action(state).map(Action::Sweep));
    }
    actions
}

/// Lists the messages that SQS may hand out to a copy.
fn receive(safeguards: &Safeguards, state: &State, copy: usize, actions: &mut Vec<Action>) {
    for (lane, one) in state.lanes.iter().enumerate() {
        let limit = match safeguards.lane_has_one_message_out {
            true => 1,
            false => usize::MAX,
        };
        for (index, message) in one.queue.iter().enumerate().take(limit) {
            let is_visible = match message.visibility {
                Visibility::Visible => true,
                Visibility::Out | Visibility::Deferred(_) => false,
            };
            if is_visible {
                actions.push(Action::Receive { copy, lane, index });
            }
        }
    }
}

/// Lists the faults that may happen now.
pub fn faults(safeguards: &Safeguards, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    for (index, copy) in state.copies.iter().enumerate() {
        let Some(one) = &copy.work else { continue };
        if state.faults.crashes > 0 {
            actions.push(Action::Crash(index));
        }
        if state.faults.refusals > 0 && matches!(one.step, Step::Call { .. }) {
            let conditions = [Condition::Alive, Condition::Dead, Condition::Off];
            actions.extend(conditions.map(|condition| Action::Refuse(index, condition)));
        }
    }
    if !safeguards.hidden_while_function_runs {
        for (index, lane) in state.lanes.iter().enumerate() {
            let head = lane.queue.first();
            if head.is_some_and(|head| head.visibility == Visibility::Out) {
                actions.push(Action::ShowTooEarly(index));
            }
        }
    }
    if state.faults.switches > 0 {
        actions.push(match state.is_on {
            true => Action::SwitchOff,
            false => Action::SwitchOn,
        });
    }
    actions
}
