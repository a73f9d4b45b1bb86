//! Reads the configuration of a stack's deliver function.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::list_functions::ListFunctionsError;

/// The environment variable with the path of the subscribers' parameters.
const PATH_VARIABLE: &str = "SUBSCRIBERS_PATH";
/// An environment variable that only deliver has, among the functions with [`PATH_VARIABLE`].
const RETRY_VARIABLE: &str = "RETRY_SECONDS";

/// The configuration of the function could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// Lambda did not list the functions.
    #[error("cannot list the functions")]
    List(#[source] Box<SdkError<ListFunctionsError>>),
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
