//! Chooses the step at which a function is killed next.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
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
    rng: Rng,
    steps: BTreeMap<Step, Visits>,
    armed: Option<Step>,
}

struct Visits {
    kills: usize,
    last: Instant,
}

impl KillPlan {
    pub fn new(rng: Rng) -> Self {
        let state = State {
            rng,
            steps: BTreeMap::new(),
            armed: None,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Chooses one of the steps that were killed least, of those that were seen in the last second. The next function that comes to
    /// it is killed.
    pub fn arm(&self) {
        let mut state = self.lock();
        let State { rng, steps, armed } = &mut *state;
        let recent = || {
            steps
                .iter()
                .filter(|(_, visits)| visits.last.elapsed() < RECENT)
        };
        let least = recent().map(|(_, visits)| visits.kills).min();
        let choice = recent().filter(|(_, visits)| Some(visits.kills) == least);
        let choice: Vec<&Step> = choice.map(|(step, _)| step).collect();
        *armed = rng.choice(choice).cloned();
    }

    /// Kills no function from now on.
    pub fn disarm(&self) {
        self.lock().armed = None;
    }

    /// Returns true if the next copy of the function that comes to this step will be killed.
    pub fn is_armed(&self, function: &'static str, operation: &str, moment: Moment) -> bool {
        self.lock().armed.as_ref().is_some_and(|armed| {
            (armed.function, armed.operation.as_str(), armed.moment)
                == (function, operation, moment)
        })
    }

    /// Returns true if the function must be killed at this step.
    pub fn strikes(&self, function: &'static str, operation: &str, moment: Moment) -> bool {
        let step = Step {
            function,
            operation: operation.to_owned(),
            moment,
        };
        let mut state = self.lock();
        let strikes = state.armed.as_ref() == Some(&step);
        if strikes {
            state.armed = None;
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
