//! Checks of the functions: that they exist, work on this stack, and are called.

use std::collections::HashMap;

use aws_sdk_cloudformation::types::StackResourceSummary;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::types::{FunctionResponseType, LastUpdateStatus, State};

use super::check::Outcome;
use super::topic::queue_arn;
use crate::call::explain;
use crate::error::CommandError;
use crate::function::Function;
use crate::stack::Stack;

/// The functions that every stack has.
const ALWAYS: [Function; 5] = [
    Function::ContentEvents,
    Function::FanOut,
    Function::Deliver,
    Function::SubscriberDirectory,
    Function::LogRetention,
];
/// The functions that depend on the choices.
const BY_CHOICE: [(Function, &str); 2] = [
    (Function::Migrate, "MigrateFunctionName"),
    (Function::Release, "ReleaseFunctionName"),
];

/// Returns the functions of a stack.
pub fn deployed(stack: &Stack) -> Vec<Function> {
    let by_choice = BY_CHOICE.into_iter();
    let by_choice = by_choice.filter(|(_, output)| stack.optional(output).is_some());
    ALWAYS
        .into_iter()
        .chain(by_choice.map(|(function, _)| function))
        .collect()
}

/// Every resource is complete.
pub async fn stack(stack: &Stack) -> Result<Outcome, CommandError> {
    let resources = resources(stack).await?;
    let mut faults = Vec::new();
    if !is_complete(&stack.status) {
        faults.push(format!("the stack is {}", stack.status));
    }
    for resource in &resources {
        let status = resource.resource_status.as_ref();
        let status = status.map_or("unknown", |status| status.as_str());
        if !is_complete(status) {
            let name = resource.logical_resource_id.as_deref().unwrap_or_default();
            faults.push(format!("{name} is {status}"));
        }
    }
    Ok(Outcome::of(
        &faults,
        format!("{} resources are complete", resources.len()),
    ))
}

fn is_complete(status: &str) -> bool {
    let kept = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"];
    kept.contains(&status) || status == "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
}

/// Returns all resources of the stack.
pub async fn resources(stack: &Stack) -> Result<Vec<StackResourceSummary>, CommandError> {
    let client = aws_sdk_cloudformation::Client::new(&stack.aws);
    let list = client.list_stack_resources().stack_name(&stack.name);
    let mut pages = list.into_paginator().send();
    let mut resources = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain("cloudformation:ListStackResources"))?;
        resources.extend(page.stack_resource_summaries.unwrap_or_default());
    }
    Ok(resources)
}

/// Every function is active.
pub async fn functions(stack: &Stack) -> Result<Outcome, CommandError> {
    let mut faults = Vec::new();
    let functions = deployed(stack);
    for function in &functions {
        let name = function.name();
        let configuration = match configuration(stack, *function).await {
            Ok(configuration) => configuration,
            Err(error) => {
                faults.push(format!("{name}: {error}"));
                continue;
            }
        };
        // Lambda leaves both out for a function that never changed its state.
        if let Some(state) = configuration.state.filter(|state| *state != State::Active) {
            let reason = configuration.state_reason.unwrap_or_default();
            faults.push(format!("{name} is {}: {reason}", state.as_str()));
        }
        let update = configuration.last_update_status;
        if let Some(update) = update.filter(|update| *update != LastUpdateStatus::Successful) {
            let reason = configuration.last_update_status_reason.unwrap_or_default();
            faults.push(format!(
                "the update of {name} is {}: {reason}",
                update.as_str()
            ));
        }
    }
    Ok(Outcome::of(
        &faults,
        format!("{} functions are active", functions.len()),
    ))
}

async fn configuration(
    stack: &Stack,
    function: Function,
) -> Result<GetFunctionConfigurationOutput, CommandError> {
    let asked = Client::new(&stack.aws).get_function_configuration();
    let answer = asked.function_name(function.deployed(stack)?).send().await;
    Ok(answer.map_err(explain("lambda:GetFunctionConfiguration"))?)
}

/// The functions name the topic, the queues, the path and the bucket of the stack's outputs.
pub async fn environment(stack: &Stack) -> Result<Outcome, CommandError> {
    let expected = [
        (Function::ContentEvents, "TOPIC_ARN", "EventTopicArn"),
        (Function::FanOut, "SUBSCRIBERS_PATH", "SubscribersPath"),
        (Function::FanOut, "DELIVERY_QUEUE_URL", "DeliveryQueueUrl"),
        (Function::Deliver, "SUBSCRIBERS_PATH", "SubscribersPath"),
        (Function::Deliver, "DELIVERY_QUEUE_URL", "DeliveryQueueUrl"),
        (
            Function::Deliver,
            "DELIVERY_DEAD_LETTER_QUEUE_URL",
            "DeliveryDeadLetterQueueUrl",
        ),
        (Function::Deliver, "BACKLOG_BUCKET", "BacklogBucketName"),
        (Function::Deliver, "TOPIC_ARN", "EventTopicArn"),
    ];
    let mut variables: HashMap<&str, HashMap<String, String>> = HashMap::new();
    for function in [Function::ContentEvents, Function::FanOut, Function::Deliver] {
        let environment = configuration(stack, function).await?.environment;
        let found = environment.and_then(|one| one.variables);
        variables.insert(function.name(), found.unwrap_or_default());
    }
    let mut faults = Vec::new();
    for (function, variable, output) in expected {
        let found = variables[function.name()].get(variable).map(String::as_str);
        let wanted = stack.output(output)?;
        if found != Some(wanted) {
            let found = found.unwrap_or("not set");
            faults.push(format!(
                "{variable} of {} is {found}, and not {wanted}",
                function.name()
            ));
        }
    }
    Ok(Outcome::of(
        &faults,
        format!("{} addresses are right", expected.len()),
    ))
}

/// content-events has a destination for calls that fail.
pub async fn doorbell_failures(stack: &Stack) -> Result<Outcome, CommandError> {
    let url = stack.output("DoorbellFailureQueueUrl")?;
    let wanted = queue_arn(stack, url).await?;
    let asked = Client::new(&stack.aws).get_function_event_invoke_config();
    let asked = asked.function_name(Function::ContentEvents.deployed(stack)?);
    let found = match asked.qualifier("$LATEST").send().await {
        Ok(answer) => answer
            .destination_config
            .and_then(|destinations| destinations.on_failure)
            .and_then(|destination| destination.destination),
        Err(error) if error.code() == Some("ResourceNotFoundException") => None,
        Err(error) => return Err(explain("lambda:GetFunctionEventInvokeConfig")(error).into()),
    };
    Ok(match found {
        Some(found) if found == wanted => {
            Outcome::Passed("they go to the doorbell failure queue".into())
        }
        Some(found) => Outcome::Failed(format!("they go to {found}, and not to {wanted}")),
        None => Outcome::Failed("content-events has no destination for failures".into()),
    })
}

/// The queues are read, in the way that keeps the order.
pub async fn event_sources(stack: &Stack) -> Result<Outcome, CommandError> {
    let mut faults = Vec::new();
    for (function, output) in [
        (Function::FanOut, "EventQueueUrl"),
        (Function::Deliver, "DeliveryQueueUrl"),
    ] {
        let name = function.name();
        let queue = queue_arn(stack, stack.output(output)?).await?;
        let list = Client::new(&stack.aws).list_event_source_mappings();
        let list = list.function_name(function.deployed(stack)?);
        let answer = list.event_source_arn(&queue).send().await;
        let answer = answer.map_err(explain("lambda:ListEventSourceMappings"))?;
        let Some(mapping) = answer
            .event_source_mappings
            .unwrap_or_default()
            .into_iter()
            .next()
        else {
            faults.push(format!("{name} does not read {queue}"));
            continue;
        };
        let state = mapping.state.unwrap_or_default();
        if state != "Enabled" {
            let uuid = mapping.uuid.unwrap_or_default();
            faults.push(format!("the mapping {uuid} of {name} is {state}"));
        }
        let reports = mapping.function_response_types.unwrap_or_default();
        if !reports.contains(&FunctionResponseType::ReportBatchItemFailures) {
            faults.push(format!("{name} does not report failures one by one"));
        }
        // A copy of deliver that waits for one receiver must not hold back another's deliveries.
        if function == Function::Deliver && mapping.batch_size != Some(1) {
            faults.push("deliver takes several deliveries at once".to_owned());
        }
    }
    Ok(Outcome::of(&faults, "both queues are read"))
}
