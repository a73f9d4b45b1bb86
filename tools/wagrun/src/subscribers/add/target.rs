//! The target of a new subscriber: by options, or asked for at the terminal.

use std::io::{self, IsTerminal as _};

use clap::Args;
use dialoguer::{Input, Select};
use serde_json::{Map, Value, json};

use crate::error::CommandError;

/// The options for the target.
#[derive(Debug, Args)]
pub struct TargetArguments {
    /// URL of a webhook
    #[arg(long, group = "target")]
    url: Option<String>,
    /// ARN of an EventBridge bus
    #[arg(long, group = "target")]
    bus: Option<String>,
    /// Id of a CloudFront distribution
    #[arg(long, group = "target")]
    distribution: Option<String>,
    /// Also invalidate everything below a page's path
    #[arg(long, requires = "distribution")]
    wildcard: bool,
}

impl TargetArguments {
    /// Returns the fields of the target, which is asked for when no option names one.
    pub fn fields_or_ask(&self) -> Result<Map<String, Value>, CommandError> {
        match self.fields() {
            Some(fields) => Ok(fields),
            None if io::stdin().is_terminal() && io::stderr().is_terminal() => asked(),
            None => Err(CommandError::argument(
                "NAME",
                "a target is needed: --url, --bus, --distribution, or --file with the subscriber's JSON",
            )),
        }
    }

    /// Returns the fields of the target; none when no option names one.
    fn fields(&self) -> Option<Map<String, Value>> {
        let fields = if let Some(url) = &self.url {
            json!({"target": "webhook", "url": url})
        } else if let Some(bus) = &self.bus {
            json!({"target": "eventbridge", "bus": bus})
        } else if self.wildcard {
            json!({"target": "cloudfront", "distribution": self.distribution, "wildcard": true})
        } else {
            json!({"target": "cloudfront", "distribution": self.distribution.as_ref()?})
        };
        fields.as_object().cloned()
    }
}

/// Asks for the target at the terminal.
fn asked() -> Result<Map<String, Value>, CommandError> {
    let failed = |error: dialoguer::Error| {
        let dialoguer::Error::IO(source) = error;
        CommandError::Io {
            doing: "cannot ask".to_owned(),
            source,
        }
    };
    const TARGETS: [(&str, &str, &str); 3] = [
        ("a webhook", "webhook", "url"),
        ("an EventBridge bus", "eventbridge", "bus"),
        ("a CloudFront distribution", "cloudfront", "distribution"),
    ];
    let chosen = Select::new()
        .with_prompt("Where do the events go")
        .items(TARGETS.map(|(shown, _, _)| shown))
        .default(0)
        .interact()
        .map_err(failed)?;
    let (_, target, field) = TARGETS[chosen];
    let value: String = Input::new()
        .with_prompt(format!("Its {field}"))
        .interact_text()
        .map_err(failed)?;
    let fields = json!({"target": target, field: value});
    Ok(fields.as_object().cloned().unwrap_or_default())
}
