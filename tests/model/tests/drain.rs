//! The drain keeps its promises, and needs each of its safeguards.

#![allow(clippy::unwrap_used)]

use model::check::{counterexample, explore};
use model::drain::Safeguards;
use model::drain_cases::{cases, removals};

/// Explores the scenario, and prints the size of its state space.
fn holds(scenario: &str) {
    let mut all = cases().into_iter();
    let (_, drain) = all.find(|(name, _)| *name == scenario).unwrap();
    println!("{scenario}: {:?}", explore(&drain));
}

/// Expects that the safeguard's promise breaks without it, and prints how.
fn is_needed(safeguard: &str) {
    let mut all = removals().into_iter();
    let (_, drain, promise) = all.find(|(name, ..)| *name == safeguard).unwrap();
    let steps = counterexample(&drain, promise);
    println!(
        "without {safeguard}, {} steps break: {promise}\n{steps:#?}",
        steps.len()
    );
}

#[test]
fn the_full_space_of_three_runs_at_the_locks_is_explored() {
    holds("three runs at the locks");
}

#[test]
fn the_full_space_of_the_faults_of_the_topic_is_explored() {
    holds("faults of the topic");
}

#[test]
fn the_full_space_of_the_faults_of_rings_is_explored() {
    holds("faults of rings");
}

#[test]
fn the_full_space_of_locks_of_rows_is_explored() {
    holds("locks of rows");
}

#[test]
fn the_full_space_of_the_claims_of_a_pass_is_explored() {
    holds("claims of a pass");
}

#[test]
fn without_the_look_after_the_unlock_a_change_waits_for_the_sweep() {
    is_needed("looks_after_unlock");
}

#[test]
fn a_look_for_changes_before_the_one_at_their_transaction_leaves_them_to_the_sweep() {
    is_needed("checks_before_looking");
}

#[test]
fn without_a_run_that_stands_by_a_change_waits_for_the_sweep() {
    is_needed("one_stands_by");
}

#[test]
fn a_run_that_leaves_to_one_that_holds_both_locks_leaves_its_change_to_the_sweep() {
    is_needed("leaves_beside_two_others");
}

#[test]
fn without_the_wait_for_the_commit_a_change_waits_for_the_sweep() {
    is_needed("waits_for_commit");
}

#[test]
fn a_ring_before_the_unlock_is_lost_on_a_run_that_leaves() {
    is_needed("rings_after_unlock");
}

#[test]
fn a_lock_that_outlives_its_session_stops_everything() {
    is_needed("lock_ends_with_session");
}

#[test]
fn numbers_that_are_given_without_the_lock_break_the_order() {
    is_needed("numbers_under_lock");
}

#[test]
fn the_place_of_a_transactions_first_change_breaks_the_order() {
    is_needed("place_is_last_change");
}

#[test]
fn a_pass_that_takes_later_commits_breaks_the_order() {
    is_needed("pass_has_one_snapshot");
}

#[test]
fn an_id_of_each_publication_cannot_be_recognised() {
    is_needed("id_with_number");
}

#[test]
fn two_events_of_an_object_in_flight_break_the_order() {
    is_needed("one_event_in_flight");
}

#[test]
fn an_event_that_is_published_before_the_one_before_it_is_settled_may_arrive_before_its_repetition()
{
    is_needed("settles_before_the_next");
}

#[test]
fn an_object_that_goes_on_after_a_refusal_breaks_the_order() {
    is_needed("refusal_blocks_object");
}

#[test]
fn an_event_that_is_settled_before_it_was_accepted_may_be_lost() {
    is_needed("settles_after_acceptance");
}

#[test]
fn without_a_sweep_a_lost_ring_loses_the_change() {
    is_needed("sweeps");
}

#[test]
fn every_safeguard_and_every_scenario_has_its_test() {
    let tests = include_str!("drain.rs");
    let safeguards = format!("{:#?}", Safeguards::ALL);
    let safeguards = safeguards.lines().filter_map(|line| line.split_once(": "));
    for (safeguard, _) in safeguards {
        let call = format!("is_needed(\"{}\")", safeguard.trim());
        assert!(tests.contains(&call), "{call}");
    }
    for (scenario, _) in cases() {
        let call = format!("holds(\"{scenario}\")");
        assert!(tests.contains(&call), "{call}");
    }
}
