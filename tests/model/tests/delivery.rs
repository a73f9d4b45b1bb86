//! Delivery keeps its promises, and needs each of its safeguards.

#![allow(clippy::unwrap_used)]

use model::check::{counterexample, explore};
use model::delivery::Safeguards;
use model::delivery_cases::{cases, removals};

/// Explores the scenario, and prints the size of its state space.
fn holds(scenario: &str) {
    let mut all = cases().into_iter();
    let (_, delivery) = all.find(|(name, _)| *name == scenario).unwrap();
    println!("{scenario}: {:?}", explore(&delivery));
}

/// Expects that the safeguard's promise breaks without it, and prints how.
fn is_needed(safeguard: &str) {
    let mut all = removals().into_iter();
    let (_, delivery, promise) = all.find(|(name, ..)| *name == safeguard).unwrap();
    let steps = counterexample(&delivery, promise);
    println!(
        "without {safeguard}, {} steps break: {promise}\n{steps:#?}",
        steps.len()
    );
}

#[test]
fn the_full_space_of_refusals_with_a_crash_and_a_switch_is_explored() {
    holds("two refusals, a crash, a switch");
}

#[test]
fn the_full_space_of_a_subscriber_that_is_switched_off_and_on_is_explored() {
    holds("a refusal, switched off and on");
}

#[test]
fn the_full_space_of_three_events_with_a_fault_of_each_kind_is_explored() {
    holds("three events, a fault of each kind");
}

#[test]
fn a_copy_that_does_not_know_of_the_backlog_overtakes_what_is_set_aside() {
    is_needed("grace_before_setting_aside");
}

#[test]
fn a_copy_that_does_not_know_of_the_return_sets_aside_what_nobody_looks_for() {
    is_needed("grace_before_removal");
}

#[test]
fn a_subscriber_that_is_off_must_not_fill_an_empty_lane_of_a_backlog_that_returns() {
    is_needed("return_adds_to_no_empty_lane");
}

#[test]
fn one_that_holds_no_message_of_the_lane_repeats_an_older_delivery_after_a_newer_one() {
    is_needed("only_holder_touches_lane");
}

#[test]
fn a_delivery_that_does_not_look_into_the_bucket_overtakes_what_is_set_aside() {
    is_needed("sends_only_behind_empty_bucket");
}

#[test]
fn two_messages_of_a_lane_at_once_break_the_order() {
    is_needed("lane_has_one_message_out");
}

#[test]
fn a_message_that_shows_up_too_early_is_repeated_after_a_newer_one() {
    is_needed("hidden_while_function_runs");
}

#[test]
fn a_message_that_is_deleted_before_its_work_may_be_lost() {
    is_needed("deleted_after_work");
}

#[test]
fn a_delivery_that_is_removed_from_the_bucket_before_it_was_accepted_may_be_lost() {
    is_needed("removed_after_acceptance");
}

#[test]
fn a_batch_that_goes_on_after_a_failed_message_breaks_the_order() {
    is_needed("failed_message_holds_group");
}

#[test]
fn without_a_sweep_what_is_set_aside_stays_so() {
    is_needed("sweeps");
}

#[test]
fn every_safeguard_and_every_scenario_has_its_test() {
    let tests = include_str!("delivery.rs");
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
