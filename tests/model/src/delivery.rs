//! Delivery: from the queue in front of fan-out to the receiver of one subscriber, with the bucket beside it.
//!
//! Everything that takes part is one [`State`]. Each [`Action`] is one step of one participant, and names the code that it stands for.
//! The steps of all participants may follow one another in any order. [`Scenario`] says how much there is of everything.

mod action;
mod backlog;
mod promises;
mod scenario;
mod state;
mod work;

use stateright::{Model, Property};

pub use action::Action;
pub use scenario::{Faults, Safeguards, Scenario};
pub use state::State;

use state::{Content, Deliver, Visibility};

/// The name of the promise of order.
pub const NOTHING_OVERTAKES: &str = "no delivery is attempted before an earlier one of its lane";
/// The name of the promise that every delivery is somewhere.
pub const NOTHING_LOST: &str = "every event is queued, set aside or accepted";
/// The name of the promise about repetitions.
pub const NEWEST_LAST: &str = "the last accepted delivery of a lane is its newest";
/// The name of the promise that everything is delivered.
pub const ALL_DELIVERED: &str =
    "in the end everything is delivered, or kept for a subscriber that is off";
/// The name of the promise that no work is left.
pub const NO_WORK: &str =
    "in the end no copy works and no backlog of a subscriber that is on is left";
/// The name of the example of a delivery that comes back from the bucket.
pub const COMES_BACK: &str = "a delivery comes back from the bucket";
/// The name of the example of a repetition.
pub const A_REPETITION: &str = "a delivery is accepted twice";

/// Delivery in a scenario, with some of its safeguards.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The amount of everything.
    pub scenario: Scenario,
    /// The safeguards in place.
    pub safeguards: Safeguards,
    /// The examples that must occur in the scenario, so that it is no empty proof.
    pub examples: Vec<&'static str>,
}

impl Delivery {
    /// Returns true when nothing happens any more without a further fault.
    fn is_end(&self, state: &State) -> bool {
        let is_idle = state.copies.iter().all(|copy| copy.work.is_none());
        is_idle && action::progress(&self.safeguards, state).is_empty()
    }

    fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::FanOut(lane) | Action::FanOutSecond(lane) => {
                let lane = &mut state.lanes[lane];
                let is_second = matches!(action, Action::FanOutSecond(_));
                let number = lane.event_queue.remove(usize::from(is_second));
                lane.send(Content::Delivery(number));
            }
            Action::ShowDeferred(lane) | Action::ShowTooEarly(lane) => {
                let head = state.lanes[lane].queue.first_mut();
                head.into_iter()
                    .for_each(|head| head.visibility = Visibility::Visible);
            }
            Action::Settle => state.settled_epoch = state.last_epoch,
            Action::SettleReturn => backlog::settle_return(state),
            Action::Sweep(swept) => backlog::sweep(&self.safeguards, state, swept),
            Action::SwitchOff | Action::SwitchOn => {
                state.faults.switches -= 1;
                state.is_on = !state.is_on;
            }
            Action::Receive { copy, .. }
            | Action::Work(copy, _)
            | Action::Probe(copy)
            | Action::HandOver(copy)
            | Action::Accept(copy, _)
            | Action::ReadParameters(copy)
            | Action::ReadSubscriber(copy)
            | Action::Refuse(copy, _)
            | Action::Crash(copy) => {
                let mut one = state.copies.remove(copy);
                self.apply_to_copy(state, &mut one, action);
                state.copies.push(one);
            }
        }
        state.copies.sort_unstable();
    }

    fn apply_to_copy(&self, state: &mut State, copy: &mut Deliver, action: Action) {
        let safeguards = &self.safeguards;
        if let Action::Receive { lane, index, .. } = action {
            work::receive(safeguards, state, copy, lane, index);
        }
        match action {
            Action::ReadParameters(_) => copy.knows = state.backlog,
            Action::ReadSubscriber(_) => copy.knows_on = state.is_on,
            _ => {}
        }
        let Some(one) = copy.work else { return };
        match action {
            Action::Work(..) => work::step(safeguards, state, copy, &one, false),
            Action::Probe(_) => work::step(safeguards, state, copy, &one, true),
            Action::HandOver(_) => work::hand_over(state, copy, &one),
            Action::Accept(..) => work::accept(state, copy, &one),
            Action::Refuse(_, condition) => {
                state.faults.refusals -= 1;
                work::refuse(safeguards, state, copy, &one, condition);
            }
            Action::Crash(_) => {
                state.faults.crashes -= 1;
                work::crash(state, copy);
            }
            _ => {}
        }
    }
}

impl Model for Delivery {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::initial(&self.scenario)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(action::progress(&self.safeguards, state));
        actions.extend(action::faults(&self.safeguards, state));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.apply(&mut next, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = Property::<Self>::always;
        let mut properties = vec![
            always(NOTHING_OVERTAKES, |_, state| {
                promises::nothing_overtakes(state)
            }),
            always(NOTHING_LOST, |_, state| promises::nothing_is_lost(state)),
            always(NEWEST_LAST, |_, state| {
                state.lanes.iter().all(promises::newest_is_last)
            }),
            always(ALL_DELIVERED, |model, state| {
                !model.is_end(state) || promises::everything_is_delivered(state)
            }),
            always(NO_WORK, |model, state| {
                !model.is_end(state) || !state.is_on || state.backlog.is_none()
            }),
        ];
        let examples = [
            Property::<Self>::sometimes(COMES_BACK, |_, state| {
                let mut copies = state.copies.iter().filter_map(|copy| copy.work);
                copies.any(|work| matches!(work.step, state::Step::Remove(_)))
            }),
            Property::<Self>::sometimes(A_REPETITION, |_, state| {
                let mut lanes = state.lanes.iter();
                lanes.any(|lane| lane.accepted.windows(2).any(|pair| pair[0] == pair[1]))
            }),
        ];
        let wanted = |example: &Property<Self>| self.examples.contains(&example.name);
        properties.extend(examples.into_iter().filter(wanted));
        properties
    }
}
