//! How the stack's deliver function is configured.

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::list_functions::ListFunctionsError;

/// Variables that deliver has, and no other function has both.
const PATH: &str = "SUBSCRIBERS_PATH";
const RETRIES: &str = "RETRY_SECONDS";

/// The function's configuration is not known.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// Lambda does not list the functions.
    #[error("cannot list the functions")]
    List(#[source] Box<SdkError<ListFunctionsError>>),
    /// None of them is it.
    #[error(
        "stack {stack} has no function deliver in this account and region: none delivers to the subscribers of {path}"
    )]
    NotFound {
        /// The stack.
        stack: String,
        /// Where its subscribers are.
        path: String,
    },
}

/// The environment of the stack's deliver function.
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
        if variables.get(PATH) == Some(&path) && variables.contains_key(RETRIES) {
            return Ok(variables);
        }
    }
    Err(FunctionError::NotFound {
        stack: stack.to_owned(),
        path,
    })
}
