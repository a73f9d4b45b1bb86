//! The saved queries of dashboard.yaml name only fields that the functions write.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use local_stack::deployment::DeploymentError;
use serde_json::{Map, Value, json};
use testing::checkout;
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::Answer;
use wagrun_lambda::telemetry::chain;

use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::{retitle, subscribe, unsubscribe, wait_for_requests};

const NAME: &str = "saved-queries";

/// Words of the query language that the saved queries use.
const LANGUAGE: [&str; 19] = [
    "fields",
    "filter",
    "sort",
    "limit",
    "stats",
    "by",
    "as",
    "and",
    "or",
    "like",
    "asc",
    "desc",
    "ispresent",
    "min",
    "max",
    "count",
    "latest",
    "sum",
    "level",
];

/// Returns the name and the text of each saved query.
fn queries() -> Vec<(String, String)> {
    let template = std::fs::read_to_string(checkout().join("dashboard.yaml")).unwrap();
    let mut queries = Vec::new();
    let mut name = String::new();
    let mut lines = template.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.trim().strip_prefix("Name: !Sub ${Stack}/") {
            name = found.to_owned();
        }
        if line.trim() == "QueryString: |" {
            let text = lines
                .by_ref()
                .take_while(|line| line.starts_with("        "));
            queries.push((name.clone(), text.collect::<Vec<_>>().join("\n")));
        }
    }
    queries
}

/// Returns the fields that a query reads: every word that is neither of the language, an alias, nor inside quotes or slashes.
fn fields_of(query: &str) -> BTreeSet<String> {
    let mut bare = String::new();
    let mut quote = None;
    let mut last = ' ';
    for letter in query.chars() {
        match quote {
            Some(open) if letter == open && last != '\\' => quote = None,
            Some(_) => {}
            None if letter == '"' || letter == '/' => quote = Some(letter),
            None => bare.push(letter),
        }
        last = letter;
    }
    let words: Vec<&str> = bare
        .split(|letter: char| !(letter.is_alphanumeric() || "._@".contains(letter)))
        .filter(|word| !word.is_empty())
        .collect();
    let aliases: BTreeSet<&str> = words
        .windows(2)
        .filter(|pair| pair[0] == "as")
        .map(|pair| pair[1])
        .collect();
    words
        .into_iter()
        .filter(|word| !word.starts_with('@') && !word.starts_with(|c: char| c.is_ascii_digit()))
        .filter(|word| !aliases.contains(word) && !LANGUAGE.contains(word))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_querys_fields_are_found() {
    let query = r#"filter event.subject = "page/42" and ispresent(subscriber)
        | stats count(*) as tries, latest(outcome) as outcome_now by event.id
        | filter @message like /page\/42[^0-9]/ | sort tries desc | limit 10"#;
    let expected = ["event.id", "event.subject", "outcome", "subscriber"];
    assert_eq!(fields_of(query), expected.map(str::to_owned).into());
}

#[test]
fn every_field_of_a_saved_query_is_in_a_line_that_was_written() {
    run(async {
        let mut scenario = Scenario::new(NAME).await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, NAME, json!({"retry_seconds": [1]})).await;
        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        scenario.receiver().answer_next(NAME, 1, &failure);
        retitle(&mut scenario, post, "Retitled").await;
        wait_for_requests(&scenario, NAME, 2).await;

        let queries = queries();
        assert!(queries.len() >= 4, "{queries:#?}");
        let deployment = &scenario.stack.local.deployment;
        let poll = || async {
            let mut written = BTreeSet::new();
            for function in ["content-events", "fan-out", "deliver"] {
                for line in deployment.function_logs(function, 0).await? {
                    let line: Option<Map<String, Value>> = serde_json::from_str(&line.message).ok();
                    written.extend(
                        line.into_iter()
                            .flat_map(|line| line.into_iter())
                            .map(|(name, _)| name),
                    );
                }
            }
            let missing = queries.iter().find_map(|(name, query)| {
                let missing = fields_of(query)
                    .into_iter()
                    .find(|field| !written.contains(field))?;
                Some(format!(
                    "the query {name:?} reads {missing}, which is in no line: {written:?}"
                ))
            });
            Ok::<_, DeploymentError>(missing.map_or(Wait::Ready(()), Wait::NotYet))
        };
        wait_until(
            &Progress::quiet(),
            "the queries' fields",
            WAIT_TIMEOUT,
            poll,
        )
        .await
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
        unsubscribe(&scenario, NAME).await;
    });
}
