//! The two ways in which a model is checked: all of it holds, or a promise is broken without a safeguard.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// The size of a state space, all of which was explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSpace {
    /// The number of different states.
    pub states: usize,
    /// The number of steps from one state to another.
    pub steps: usize,
    /// The number of steps of the longest shortest way to a state.
    pub depth: usize,
    /// The duration of both walks through the state space.
    pub duration: Duration,
}

/// Explores the whole state space, and proves that every promise holds in it.
///
/// Walks through the state space twice. stateright evaluates the promises in each state. A second walk that shares no code with it
/// counts the states again, and proves that no run of steps goes on for ever. So each run of steps reaches an end, and a promise about
/// all ends is a promise about every run.
///
/// # Panics
/// Panics when a promise is broken, when an example of interest does not occur, when steps go in a circle, or when the two walks
/// did not see the same number of states.
pub fn explore<M>(model: M) -> StateSpace
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let started = Instant::now();
    let walked = walk(&model);
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.is_done(), "the search was cut short");
    assert_eq!(
        checker.unique_state_count(),
        walked.states,
        "one of the walks did not see every state"
    );
    StateSpace {
        depth: checker.max_depth() - 1,
        duration: started.elapsed(),
        ..walked
    }
}

/// Finds the shortest run of steps that breaks the promise, and returns its steps.
///
/// # Panics
/// Panics when no run of steps breaks the promise.
pub fn counterexample<M>(model: M, promise: &'static str) -> Vec<String>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let property = model.property(promise);
    assert_eq!(property.expectation, Expectation::Always);
    let stop = HasDiscoveries::AnyOf([promise].into());
    // One thread visits the states in the order of their distance, so the first discovery is a shortest one.
    let checker = model.checker().threads(1).finish_when(stop).spawn_bfs();
    let checker = checker.join();
    let path = checker.assert_any_discovery(promise);
    let steps = path.into_actions().into_iter();
    steps.map(|action| format!("{action:?}")).collect()
}

/// The part of the second walk that a state is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    /// The state is on the way to the present one.
    OnTheWay,
    /// All runs of steps from the state were followed to their ends.
    Done,
}

/// Follows every run of steps to its end, depth first.
fn walk<M>(model: &M) -> StateSpace
where
    M: Model,
    M::State: Debug + Hash,
{
    let mut visits: HashMap<u64, Visit> = HashMap::new();
    let mut steps = 0;
    let mut way: Vec<(u64, Vec<M::State>)> = Vec::new();
    let mut next = model.init_states();
    loop {
        while let Some(state) = next.pop() {
            let digest = digest(&state);
            match visits.get(&digest) {
                Some(Visit::Done) => {}
                Some(Visit::OnTheWay) => panic!("steps go in a circle through {state:#?}"),
                None => {
                    visits.insert(digest, Visit::OnTheWay);
                    way.push((digest, next));
                    next = model.next_states(&state);
                    steps += next.len();
                }
            }
        }
        let Some((digest, others)) = way.pop() else {
            break;
        };
        visits.insert(digest, Visit::Done);
        next = others;
    }
    StateSpace {
        states: visits.len(),
        steps,
        depth: 0,
        duration: Duration::ZERO,
    }
}

fn digest(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}
