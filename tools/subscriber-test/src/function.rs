//! Reads the configuration of a stack's deliver function.

use std::collections::HashMap;
use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use aws_config::SdkConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::list_functions::ListFunctionsError;
use wagrun_lambda::environment::optional;

/// The environment variable with the path of the subscribers' parameters.
const PATH_VARIABLE: &str = "SUBSCRIBERS_PATH";
/// An environment variable that only deliver has, among the functions with [`PATH_VARIABLE`].
const RETRY_VARIABLE: &str = "RETRY_SECONDS";

/// The environment variable with the source of a stack's events.
const SOURCE_VARIABLE: &str = "EVENT_SOURCE";
/// An environment variable that only content-events has, among the functions with [`SOURCE_VARIABLE`].
const HISTORY_VARIABLE: &str = "EVENT_HISTORY_DAYS";

/// The configuration of the function could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// Lambda did not list the functions.
    #[error("cannot list the functions")]
    List(#[source] Box<SdkError<ListFunctionsError>>),
    /// None of the functions is content-events of this stack.
    #[error("no function content-events in this account and region has the source {0}")]
    NoContentEvents(String),
    /// None of the functions is deliver of this stack.
    #[error(
        "stack {stack} has no function deliver in this account and region: none delivers to the subscribers of {path}"
    )]
    NotFound {
        /// The name of the stack.
        stack: String,
        /// The path of its subscribers' parameters.
        path: String,
    },
}

/// The environment variable that is set once the environment is that of the function.
const CONFIGURED: &str = "SUBSCRIBER_TEST_CONFIGURED";

/// Starts this program again with the environment of the stack's deliver function, so the same code reads the same
/// configuration. Does nothing in the program that was started so.
///
/// # Errors
/// Fails if the function is not found, or the program cannot be started.
pub async fn enter_environment(aws: &SdkConfig, stack: &str) -> Result<(), Box<dyn Error>> {
    if optional(CONFIGURED).is_some() {
        return Ok(());
    }
    let variables = environment(aws, stack).await?;
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1));
    again.envs(variables).env(CONFIGURED, "yes");
    Err(again.exec().into())
}

/// Returns the name of the content-events function whose events have this source.
pub async fn content_events(aws: &SdkConfig, source: &str) -> Result<String, FunctionError> {
    let client = aws_sdk_lambda::Client::new(aws);
    let mut functions = client.list_functions().into_paginator().items().send();
    while let Some(function) = functions.next().await {
        let function = function.map_err(|error| FunctionError::List(Box::new(error)))?;
        let variables = function.environment.and_then(|one| one.variables);
        let variables = variables.unwrap_or_default();
        let is_it = variables
            .get(SOURCE_VARIABLE)
            .is_some_and(|one| one == source)
            && variables.contains_key(HISTORY_VARIABLE);
        if let (true, Some(name)) = (is_it, function.function_name) {
            return Ok(name);
        }
    }
    Err(FunctionError::NoContentEvents(source.to_owned()))
}

/// Returns the environment variables of the stack's deliver function.
pub async fn environment(
    aws: &SdkConfig,
    stack: &str,
) -> Result<HashMap<String, String>, FunctionError> {
    let path = format!("/{stack}/subscribers");
    let client = aws_sdk_lambda::Client::new(aws);
    let mut functions = client.list_functions().into_paginator().items().send();
    while let Some(function) = functions.next().await {
        let function = function.map_err(|error| FunctionError::List(Box::new(error)))?;
        let variables = function.environment.and_then(|one| one.variables);
        let Some(variables) = variables else { continue };
        if variables.get(PATH_VARIABLE) == Some(&path) && variables.contains_key(RETRY_VARIABLE) {
            return Ok(variables);
        }
    }
    Err(FunctionError::NotFound {
        stack: stack.to_owned(),
        path,
    })
}
