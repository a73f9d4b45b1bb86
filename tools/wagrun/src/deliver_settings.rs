//! The settings of the deployed function deliver, so that this command judges and sends as deliver does.

use std::collections::HashMap;

use deliver::Reach;
use wagrun_delivery::subscriber::{RetrySchedule, Rules};

use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;

/// The variable with the source of a stack's events.
const SOURCE: &str = "EVENT_SOURCE";
/// The variable with the waits after failed attempts.
const RETRY_SECONDS: &str = "RETRY_SECONDS";

/// The settings of deliver that matter to one subscriber.
#[derive(Debug, Clone)]
pub struct DeliverSettings {
    /// The rules for parameters.
    pub rules: Rules,
    /// The waits after failed attempts, of a subscriber without waits of its own.
    pub schedule: RetrySchedule,
    /// The addresses that a receiver may have.
    pub reach: Reach,
    /// The source of the events, `/wagrun/<stack>`.
    pub source: String,
}

impl DeliverSettings {
    /// Reads the settings of a stack's function.
    pub async fn of(stack: &Stack) -> Result<Self, CommandError> {
        let client = aws_sdk_lambda::Client::new(&stack.aws);
        let name = stack.output("DeliverFunctionName")?;
        let asked = client.get_function_configuration().function_name(name);
        let answer = asked.send().await;
        let answer = answer.map_err(explain("lambda:GetFunctionConfiguration"))?;
        let variables = answer.environment.and_then(|one| one.variables);
        Self::from_variables(&variables.unwrap_or_default(), &stack.name)
    }

    fn from_variables(
        variables: &HashMap<String, String>,
        stack: &str,
    ) -> Result<Self, CommandError> {
        let rules = Rules::from_variables(|name| variables.get(name).cloned());
        let rules = rules.map_err(|error| CommandError::Function {
            function: "deliver",
            message: error.to_string(),
        })?;
        let schedule = variables.get(RETRY_SECONDS);
        let schedule = schedule.and_then(|seconds| seconds.parse().ok());
        let source = variables.get(SOURCE).cloned();
        Ok(Self {
            rules,
            schedule: schedule.unwrap_or_default(),
            reach: Reach::with(rules.schemes),
            source: source.unwrap_or_else(|| format!("/wagrun/{stack}")),
        })
    }
}
