//! The saved queries of dashboard.yaml, and those in docs/, name only fields that the functions write. docs/logging.md has each of
//! these fields.

use std::collections::{BTreeMap, BTreeSet};

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

/// The functions that the scenario runs.
const FUNCTIONS: [&str; 3] = ["content-events", "fan-out", "deliver"];

/// Words of the query language that the saved queries use.
const LANGUAGE: [&str; 18] = [
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
];

/// One query: its name, the functions whose logs it reads, and its text.
#[derive(Debug)]
struct Query {
    name: String,
    functions: Vec<String>,
    text: String,
}

/// Returns the saved queries.
fn saved_queries() -> Vec<Query> {
    let template = std::fs::read_to_string(checkout().join("dashboard.yaml")).unwrap();
    let mut queries = Vec::new();
    let mut name = String::new();
    let mut functions = Vec::new();
    let mut lines = template.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.trim().strip_prefix("Name: !Sub ${Stack}/") {
            name = found.to_owned();
            functions.clear();
        } else if let Some((_, group)) = line
            .split_once("!Sub")
            .and_then(|_| line.split_once("/${Stack}/"))
        {
            functions.push(group.trim_end_matches(['"', ']']).to_owned());
        }
        if line.trim() == "QueryString: |" {
            let text = lines
                .by_ref()
                .take_while(|line| line.starts_with("        "));
            queries.push(Query {
                name: name.clone(),
                functions: functions.clone(),
                text: text.collect::<Vec<_>>().join("\n"),
            });
        }
    }
    queries
}

/// Returns the queries in the documents: the blocks of code that begin with a command of the language.
fn documented_queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for name in ["docs/runbook.md", "docs/subscribers.md"] {
        let document = std::fs::read_to_string(checkout().join(name)).unwrap();
        for block in document.split("```").skip(1).step_by(2) {
            let text = block.trim_start_matches('\n');
            if text.starts_with("filter ") || text.starts_with("fields ") {
                queries.push(Query {
                    name: name.to_owned(),
                    functions: FUNCTIONS.map(str::to_owned).into(),
                    text: text.to_owned(),
                });
            }
        }
    }
    queries
}

fn logging_md() -> String {
    std::fs::read_to_string(checkout().join("docs/logging.md")).unwrap()
}

/// Returns the fields in the first column of the table of docs/logging.md.
fn documented_fields() -> BTreeSet<String> {
    let document = logging_md();
    let (_, table) = document.split_once("\n## Fields\n").unwrap();
    let (table, _) = table.split_once("\n## Levels\n").unwrap();
    let cells = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    let names = cells.flat_map(|(names, _)| names.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

/// Returns the fields of a function's line; none for a metric, and for a line that Lambda writes.
fn written_fields(line: &str) -> Vec<String> {
    let line: Map<String, Value> = serde_json::from_str(line).unwrap_or_default();
    if !line.contains_key("level") {
        return Vec::new();
    }
    line.into_iter().map(|(name, _)| name).collect()
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
fn a_saved_query_reads_the_logs_of_functions() {
    let queries = saved_queries();
    assert!(queries.len() >= 4, "{queries:#?}");
    for query in queries {
        let known = query
            .functions
            .iter()
            .filter(|name| FUNCTIONS.contains(&name.as_str()));
        assert_ne!(known.count(), 0, "{query:#?}");
    }
    assert!(documented_queries().len() >= 4);
}

#[test]
fn the_lines_in_logging_md_have_documented_fields() {
    let documented = documented_fields();
    let document = logging_md();
    let (_, lines) = document.split_once("```json\n").unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    for line in lines.lines() {
        let fields = written_fields(line);
        assert!(fields.len() > 4, "{line}");
        for field in fields {
            assert!(documented.contains(&field), "{field}");
        }
    }
}

#[test]
fn every_field_of_a_query_is_in_a_line_that_was_written_and_each_written_field_is_documented() {
    run(async {
        let mut scenario = Scenario::new(NAME).await;
        let post = scenario.live_post(scenario.root, "Post").await;
        subscribe(&scenario, NAME, json!({"retry_seconds": [1]})).await;
        let failure = Answer::status(StatusCode::SERVICE_UNAVAILABLE);
        scenario.receiver().answer_next(NAME, 1, &failure);
        retitle(&mut scenario, post, "Retitled").await;
        wait_for_requests(&scenario, NAME, 2).await;

        let queries = saved_queries().into_iter().chain(documented_queries());
        let queries: Vec<_> = queries.collect();
        let deployment = &scenario.stack.local.deployment;
        let poll = || async {
            let mut written = BTreeMap::new();
            for function in FUNCTIONS {
                let lines = deployment.function_logs(function, 0).await?;
                let fields = lines.iter().flat_map(|line| written_fields(&line.message));
                written.insert(function, fields.collect::<BTreeSet<_>>());
            }
            let missing = queries.iter().find_map(|query| {
                let functions = query.functions.iter();
                let written: BTreeSet<_> = functions
                    .filter_map(|function| written.get(function.as_str()))
                    .flatten()
                    .collect();
                let fields = fields_of(&query.text);
                let missing = fields.into_iter().find(|field| !written.contains(field))?;
                Some(format!(
                    "a query of {:?} reads {missing}, which is in no line: {written:?}",
                    query.name
                ))
            });
            Ok::<_, DeploymentError>(match missing {
                Some(missing) => Wait::NotYet(missing),
                None => Wait::Ready(written),
            })
        };
        let written = wait_until(
            &Progress::quiet(),
            "the queries' fields",
            WAIT_TIMEOUT,
            poll,
        )
        .await
        .unwrap_or_else(|error| panic!("{}", chain(&error)));
        let documented = documented_fields();
        for (function, fields) in written {
            let undocumented: Vec<_> = fields.difference(&documented).collect();
            assert!(
                undocumented.is_empty(),
                "docs/logging.md does not have {undocumented:?} of {function}"
            );
        }
        unsubscribe(&scenario, NAME).await;
    });
}
