//! The two ways in which a model is checked: all of it holds, or a promise is broken without a safeguard.

use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model};

/// The size of a state space, all of which was explored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSpace {
    /// The number of different states.
    pub states: usize,
    /// The number of steps from one state to another.
    pub steps: usize,
    /// The number of steps of the longest run of steps.
    pub longest: usize,
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
/// Panics when a promise is broken, when a wanted example does not occur, or when steps go in a circle. Panics as well when the two
/// walks did not see the same number of states.
pub fn explore<M>(model: &M) -> StateSpace
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let started = Instant::now();
    let walked = walk(model);
    let checker = model.clone().checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    assert!(checker.is_done(), "the search was cut short");
    assert_eq!(
        checker.unique_state_count(),
        walked.states,
        "one of the walks did not see every state"
    );
    StateSpace {
        duration: started.elapsed(),
        ..walked
    }
}

/// Finds the shortest run of steps that breaks the promise, and returns its steps.
///
/// # Panics
/// Panics when no run of steps breaks the promise.
pub fn counterexample<M>(model: &M, promise: &'static str) -> Vec<String>
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let mut shortest: Option<Vec<M::Action>> = None;
    loop {
        // stateright finishes a block of states after a discovery, and keeps the last one. So shorter ones are looked for.
        let limit = shortest.as_ref().map_or(usize::MAX, |path| path.len() + 1);
        let found = find(model, promise, limit);
        if found.is_none() {
            break;
        }
        shortest = found;
    }
    let steps = shortest.unwrap_or_else(|| panic!("nothing breaks the promise that {promise}"));
    steps.iter().map(|action| format!("{action:?}")).collect()
}

/// Finds a run of steps that breaks the promise, with fewer than `limit` states.
fn find<M>(model: &M, promise: &'static str, limit: usize) -> Option<Vec<M::Action>>
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    let stop = HasDiscoveries::AnyOf([promise].into());
    let checker = model.clone().checker().finish_when(stop);
    let checker = checker.target_max_depth(limit).spawn_bfs().join();
    let path = checker.discovery(promise);
    path.map(|path| path.into_actions())
}

/// A state on the way of the second walk.
struct Place<S> {
    /// The digest of the state.
    digest: u64,
    /// The states that follow it and are still to be visited.
    rest: Vec<S>,
    /// The number of steps of the longest run of steps from here, of those that were followed so far.
    longest: usize,
}

/// Follows every run of steps to its end, depth first.
fn walk<M>(model: &M) -> StateSpace
where
    M: Model,
    M::State: Debug + Hash,
{
    // The longest run of steps from each state. `None` for a state on the way to the present one.
    let mut visited: HashMap<u64, Option<usize>> = HashMap::new();
    let mut steps = 0;
    let start = Place {
        digest: 0,
        rest: model.init_states(),
        longest: 0,
    };
    let mut way = vec![start];
    while let Some(place) = way.last_mut() {
        let Some(state) = place.rest.pop() else {
            let (digest, longest) = (place.digest, place.longest);
            way.pop();
            let Some(before) = way.last_mut() else {
                return StateSpace {
                    states: visited.len(),
                    steps,
                    longest: longest - 1,
                    duration: Duration::ZERO,
                };
            };
            before.longest = before.longest.max(longest + 1);
            visited.insert(digest, Some(longest));
            continue;
        };
        let digest = digest(&state);
        match visited.get(&digest) {
            Some(Some(longest)) => place.longest = place.longest.max(longest + 1),
            Some(None) => panic!("steps go in a circle through {state:#?}"),
            None => {
                visited.insert(digest, None);
                let rest = model.next_states(&state);
                steps += rest.len();
                way.push(Place {
                    digest,
                    rest,
                    longest: 0,
                });
            }
        }
    }
    unreachable!("the way ends at its start")
}

fn digest(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}
