//! The tables of docs/reliability.md, and the steps of one counterexample.

use std::fmt::Debug;
use std::hash::Hash;

use model::check::{counterexample, explore};
use model::{delivery_cases, drain_cases};
use stateright::Model;

/// Prints the size of each state space.
pub fn print_sizes<M>(model: &str, cases: Vec<(&str, M)>)
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    for (name, case) in cases {
        let space = explore(&case);
        println!(
            "| {model} | {name} | {} | {} | {} | {:.1} |",
            space.states,
            space.steps,
            space.longest,
            space.duration.as_secs_f64()
        );
    }
}

/// Prints the promise that breaks without each safeguard, and the length of the shortest way there.
pub fn print_removals<M>(model: &str, removals: Vec<(&str, M, &'static str)>)
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static,
    M::Action: Clone + Debug + PartialEq,
{
    for (safeguard, case, promise) in removals {
        let steps = counterexample(&case, promise).len();
        println!("| {model} | `{safeguard}` | {promise} | {steps} |");
    }
}

/// Prints the shortest run of steps that breaks a promise without this safeguard.
pub fn print_steps(safeguard: &str) {
    let is_wanted = |name: &str| name == safeguard;
    for (name, case, promise) in drain_cases::removals() {
        if is_wanted(name) {
            print_numbered(promise, &counterexample(&case, promise));
        }
    }
    for (name, case, promise) in delivery_cases::removals() {
        if is_wanted(name) {
            print_numbered(promise, &counterexample(&case, promise));
        }
    }
}

fn print_numbered(promise: &str, steps: &[String]) {
    println!("breaks: {promise}");
    for (number, step) in steps.iter().enumerate() {
        println!("{:3}. {step}", number + 1);
    }
}
