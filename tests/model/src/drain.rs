//! The drain: from the commits of editors to the topic.
//!
//! Everything that takes part is one [`State`]. Each [`Action`] is one step of one participant, and names the code that it stands for.
//! The steps of all participants may follow one another in any order. [`Scenario`] says how much there is of everything.

mod action;
mod claim;
mod editor;
mod promises;
mod run;
mod scenario;
mod state;
mod topic;

use stateright::{Model, Property};

pub use action::Action;
pub use scenario::{Faults, Row, Safeguards, Scenario};
pub use state::State;

use run::StepEnd;
use state::{Ring, Run};

/// The name of the promise that no rolled-back transaction becomes an event.
pub const NOTHING_INVENTED: &str = "no event is of a transaction that did not commit";
/// The name of the promise that what counts as done has arrived.
pub const NOTHING_LOST: &str = "every settled event has arrived";
/// The name of the promise of order.
pub const IN_ORDER: &str = "events of an object arrive as the locks of its rows were passed on";
/// The name of the promise about repetitions that arrive late.
pub const NEWEST_LAST: &str = "the last event of an object is its newest";
/// The name of the promise about ids.
pub const SAME_ID: &str = "repetitions have the same id";
/// The name of the promise that a ring is enough.
pub const RING_IS_ENOUGH: &str = "no sweep is needed for a change whose ring arrived";
/// The name of the promise that everything arrives.
pub const ALL_DRAINED: &str = "in the end every committed change is published";
/// The name of the promise about locks.
pub const NO_LOCK: &str = "in the end no run waits and no lock is held";
/// The name of the example of a run that leaves its work to others.
pub const A_RUN_LEAVES: &str = "a run leaves beside two others";
/// The name of the example of an event that arrives twice.
pub const A_REPETITION: &str = "an event arrives twice";

/// The drain in a scenario, with some of its safeguards.
#[derive(Debug, Clone)]
pub struct Drain {
    /// The amount of everything.
    pub scenario: Scenario,
    /// The safeguards in place.
    pub safeguards: Safeguards,
    /// The examples that must occur in the scenario, so that it is no empty proof.
    pub examples: Vec<&'static str>,
}

impl Drain {
    /// Returns true when nothing happens any more without a further fault.
    fn is_end(&self, state: &State) -> bool {
        // With a ring and a free copy, Lambda goes on. This saves most of the time.
        (state.rings.is_empty() || state.runs.len() >= self.scenario.copies)
            && action::progress(&self.scenario, &self.safeguards, state).is_empty()
    }

    /// Takes a step of the run with this index, which is out of the state's list meanwhile.
    fn with_run(
        &self,
        state: &mut State,
        index: usize,
        step: impl FnOnce(&mut State, &mut Run) -> StepEnd,
    ) {
        let mut one = state.runs.remove(index);
        if step(state, &mut one) == StepEnd::GoesOn {
            one.calls.sort_unstable();
            state.runs.push(one);
        }
    }

    fn apply(&self, state: &mut State, action: Action) {
        let scenario = &self.scenario;
        match action {
            Action::Change(transaction) => editor::capture(scenario, state, transaction),
            Action::RingDoorbell(transaction) => editor::ring(state, transaction),
            Action::Commit(transaction) => editor::commit(state, transaction),
            Action::RollBack(transaction) => editor::roll_back(state, transaction),
            Action::StartRun(ring) => {
                let index = state.rings.iter().position(|one| *one == ring);
                index.map(|index| state.rings.remove(index));
                state.runs.push(Run::started_by(ring));
            }
            Action::StartOperatorRun => {
                state.operator_runs -= 1;
                state.runs.push(Run::started_by(Ring::Operator));
            }
            Action::StartSweep => state.runs.push(Run::started_by(Ring::Sweep)),
            Action::ArriveLate(call) | Action::NeverArrive(call) => {
                let index = state.late_calls.iter().position(|one| *one == call);
                index.map(|index| state.late_calls.remove(index));
                if matches!(action, Action::ArriveLate(_)) {
                    topic::accept(state, call);
                }
            }
            Action::LoseRing(transaction) => editor::lose_ring(state, transaction),
            Action::DoubleRing(ring) => {
                state.faults.doubled_rings -= 1;
                state.rings.push(ring);
            }
            Action::ForgetIds => {
                state.faults.forgotten_ids -= 1;
                state.remembered_ids.clear();
            }
            Action::Run(index, _)
            | Action::Send(index, _)
            | Action::Accept(index, _)
            | Action::Answer(index, _)
            | Action::Settle(index)
            | Action::EndBatch(index)
            | Action::Crash(index)
            | Action::Refuse(index, _)
            | Action::LoseAnswer(index, _)
            | Action::RunOutOfTime(index) => self.with_run(state, index, |state, one| {
                self.apply_to_run(state, one, action)
            }),
        }
        // The order of these lists has no meaning, so equal states are made to look equal.
        state.rings.sort_unstable();
        state.late_calls.sort_unstable();
        state.runs.sort_unstable();
    }

    fn apply_to_run(&self, state: &mut State, one: &mut Run, action: Action) -> StepEnd {
        let safeguards = &self.safeguards;
        match action {
            Action::Run(..) => return run::step(&self.scenario, safeguards, state, one),
            Action::Send(_, sequence) => topic::send(safeguards, state, one, sequence),
            Action::Accept(_, call) => {
                topic::accept(state, call);
                let accepted = one.calls.iter_mut().find(|one| **one == call);
                accepted.into_iter().for_each(|one| one.is_accepted = true);
            }
            Action::Answer(_, call) => topic::record_acceptance(safeguards, one, call),
            Action::Settle(_) => topic::settle(state, one),
            Action::EndBatch(_) => run::end_batch(safeguards, one),
            Action::Crash(_) => {
                state.faults.crashes -= 1;
                run::crash(safeguards, state, one);
                return StepEnd::Over;
            }
            Action::Refuse(_, call) => {
                state.faults.refusals -= 1;
                topic::record_refusal(state, one, call);
            }
            Action::LoseAnswer(_, call) => {
                state.faults.lost_answers -= 1;
                topic::record_refusal(state, one, call);
                if !call.is_accepted {
                    state.late_calls.push(call);
                }
            }
            Action::RunOutOfTime(_) => {
                state.faults.time_overs -= 1;
                run::run_out_of_time(one);
            }
            _ => {}
        }
        StepEnd::GoesOn
    }
}

impl Model for Drain {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::initial(&self.scenario)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(action::progress(&self.scenario, &self.safeguards, state));
        actions.extend(action::faults(&self.scenario, state));
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.apply(&mut next, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = Property::<Self>::always;
        let mut properties = vec![
            always(NOTHING_INVENTED, |_, state| {
                promises::nothing_is_invented(state)
            }),
            always(NOTHING_LOST, |_, state| promises::nothing_is_lost(state)),
            always(IN_ORDER, |_, state| promises::objects_are_in_order(state)),
            always(NEWEST_LAST, |_, state| {
                promises::the_last_event_is_the_newest(state)
            }),
            always(SAME_ID, |_, state| {
                promises::repetitions_have_the_same_id(state)
            }),
            always(RING_IS_ENOUGH, |model, state| {
                let all_arrived = state.faults.lost_rings == model.scenario.faults.lost_rings;
                !(all_arrived && state.is_idle() && state.is_pending())
            }),
            always(ALL_DRAINED, |model, state| {
                !(model.is_end(state) && state.is_pending())
            }),
            always(NO_LOCK, |model, state| {
                !model.is_end(state) || state.runs.is_empty() && state.is_lock_free()
            }),
        ];
        let examples = [
            Property::<Self>::sometimes(A_RUN_LEAVES, |_, state| state.a_run_has_left),
            Property::<Self>::sometimes(A_REPETITION, |_, state| {
                state.arrivals.iter().any(|arrivals| {
                    let mut ids: Vec<u8> = arrivals.iter().map(|arrival| arrival.id).collect();
                    ids.sort_unstable();
                    ids.windows(2).any(|pair| pair[0] == pair[1])
                })
            }),
        ];
        let wanted = |example: &Property<Self>| self.examples.contains(&example.name);
        properties.extend(examples.into_iter().filter(wanted));
        properties
    }
}
