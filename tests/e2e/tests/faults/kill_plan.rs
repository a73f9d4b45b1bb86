//! Chooses the step at which a function is killed next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

/// The time for which a step counts as one that a function comes to again soon.
const RECENT: Duration = Duration::from_secs(1);

/// The moment of a kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// The request was sent, and nobody has seen it.
    Before,
    /// The request was executed, and the function has no answer.
    After,
}

/// A step of a function: one request to the database or to AWS, named by its function and operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    pub function: &'static str,
    pub operation: String,
    pub moment: Moment,
}

/// Kills at every step that functions come to, the least killed first. So a short run reaches most steps.
pub struct KillPlan {
    state: Mutex<State>,
}

struct State {
    steps: BTreeMap<Step, Visits>,
    armed: BTreeSet<Step>,
}

struct Visits {
    kills: usize,
    last: Instant,
}

impl KillPlan {
    pub fn new() -> Self {
        let state = State {
            steps: BTreeMap::new(),
            armed: BTreeSet::new(),
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Kills the next function that comes to a step of those that were killed least, among the steps of the last second.
    pub fn arm(&self) {
        let mut state = self.lock();
        let recent = || {
            let steps = state.steps.iter();
            steps.filter(|(_, visits)| visits.last.elapsed() < RECENT)
        };
        let least = recent().map(|(_, visits)| visits.kills).min();
        let choice = recent().filter(|(_, visits)| Some(visits.kills) == least);
        state.armed = choice.map(|(step, _)| step.clone()).collect();
    }

    /// Kills no function from now on.
    pub fn disarm(&self) {
        self.lock().armed.clear();
    }

    /// Returns true if the next copy of the function that comes to this step may be killed.
    pub fn is_armed(&self, function: &'static str, operation: &str, moment: Moment) -> bool {
        let step = Step {
            function,
            operation: operation.to_owned(),
            moment,
        };
        self.lock().armed.contains(&step)
    }

    /// Returns true if the function must be killed at this step.
    pub fn strikes(&self, function: &'static str, operation: &str, moment: Moment) -> bool {
        let step = Step {
            function,
            operation: operation.to_owned(),
            moment,
        };
        let mut state = self.lock();
        let strikes = state.armed.contains(&step);
        if strikes {
            state.armed.clear();
        }
        let last = Instant::now();
        let visits = state.steps.entry(step).or_insert(Visits { kills: 0, last });
        visits.kills += usize::from(strikes);
        visits.last = last;
        strikes
    }

    /// Returns the number of kills at each step that a function came to.
    pub fn kills(&self) -> BTreeMap<Step, usize> {
        let state = self.lock();
        let steps = state.steps.iter();
        steps
            .map(|(step, visits)| (step.clone(), visits.kills))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}
