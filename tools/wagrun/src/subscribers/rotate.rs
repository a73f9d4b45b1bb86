//! `wagrun subscribers rotate-secret`: a new secret beside the old ones first, and without them at last.

use std::fmt;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::parameters::SubscriberParameters;
use crate::error::CommandError;
use crate::output::{Output, Verdict, counted};
use crate::secret::{NewSecret, Signature};
use crate::stack::Stack;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the subscriber
    name: String,
    /// Second step: keep the newest secret alone, after the receiver has it
    #[arg(long)]
    finish: bool,
    /// First step once more: the newest secret is lost, and another one takes its place
    #[arg(long, conflicts_with = "finish")]
    again: bool,
    /// Kind of the new signature; that of the newest secret if left out
    #[arg(long, value_enum, conflicts_with = "finish")]
    signature: Option<Signature>,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// A step of a rotation.
#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Rotated {
    /// Every delivery is signed with the new secret and with the old ones.
    Added {
        name: String,
        /// Shown this once: the secret, or the public key, that the receiver needs.
        secret: String,
        secrets: usize,
    },
    /// Only the newest secret is left.
    Finished { name: String, removed: usize },
}

/// Makes a step of a rotation.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let parameters = SubscriberParameters::of(stack)?;
    let name = &arguments.name;
    let secrets = secrets(&parameters, name).await?;
    let count = secrets.len();
    let rotated = if arguments.finish {
        if count < 2 {
            let problem = "has a single secret, so no rotation has begun; leave out --finish";
            return Err(CommandError::argument(name, problem));
        }
        let question = format!(
            "{name} loses {}, and its receiver refuses everything if it does not have the newest",
            counted(count as u64 - 1, "older secret", "older secrets")
        );
        output.consent(&question, arguments.yes)?;
        parameters.change(name, keep_newest).await?;
        Rotated::Finished {
            name: name.clone(),
            removed: count - 1,
        }
    } else {
        if count > 1 && !arguments.again {
            let problem = format!(
                "signs with {count} secrets, because a rotation has begun; end it with --finish, or replace the newest with --again"
            );
            return Err(CommandError::argument(name, problem));
        }
        if count < 2 && arguments.again {
            let problem = "has a single secret, so no rotation has begun; leave out --again";
            return Err(CommandError::argument(name, problem));
        }
        let newest = secrets.last().and_then(Value::as_str);
        let kind = newest.map(Signature::of).unwrap_or_default();
        let new = NewSecret::generate(arguments.signature.unwrap_or(kind))?;
        parameters
            .change(name, |fields| add(fields, &new.stored, arguments.again))
            .await?;
        Rotated::Added {
            name: name.clone(),
            secret: new.for_receiver,
            secrets: count + usize::from(!arguments.again),
        }
    };
    output.report(&rotated)?;
    Ok(Verdict::Good)
}

/// Returns the secrets of a webhook.
async fn secrets(
    parameters: &SubscriberParameters,
    name: &str,
) -> Result<Vec<Value>, CommandError> {
    let stored = parameters.one(name).await?;
    let fields: Value = serde_json::from_str(&stored.json).unwrap_or_default();
    let secrets = fields["secrets"].as_array().cloned();
    secrets.ok_or_else(|| {
        CommandError::argument(
            name,
            "has no secrets: only a webhook that is signed has some",
        )
    })
}

/// Adds a secret. With `replaces_newest` it takes the place of the last one, unless that is the only one.
fn add(fields: &mut Map<String, Value>, secret: &str, replaces_newest: bool) -> bool {
    let secrets = fields.get_mut("secrets").and_then(Value::as_array_mut);
    // The change may be made again to what another writer stored.
    match secrets {
        Some(secrets) if !secrets.iter().any(|one| one == secret) => {
            if replaces_newest && secrets.len() > 1 {
                secrets.pop();
            }
            secrets.push(secret.into());
            true
        }
        _ => false,
    }
}

fn keep_newest(fields: &mut Map<String, Value>) -> bool {
    let secrets = fields.get_mut("secrets").and_then(Value::as_array_mut);
    match secrets {
        Some(secrets) if secrets.len() > 1 => {
            secrets.drain(..secrets.len() - 1);
            true
        }
        _ => false,
    }
}

impl fmt::Display for Rotated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added {
                name,
                secret,
                secrets,
            } => writeln!(
                formatter,
                "secret      {secret}\n\n\
                 {name} signs with {secrets} secrets now. Give this one to its receiver; it is not shown again.\n\
                 When the receiver has it: wagrun subscribers rotate-secret {name} --finish"
            ),
            Self::Finished { name, removed } => writeln!(
                formatter,
                "{name} signs with its newest secret alone; {removed} older removed.\n\
                 Try it: wagrun subscribers test {name}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_rotation_never_leaves_a_subscriber_without_a_secret() {
        let mut fields = json!({"secrets": ["old"]}).as_object().unwrap().clone();
        assert!(!keep_newest(&mut fields));
        assert!(add(&mut fields, "lost", true));
        assert_eq!(fields["secrets"], json!(["old", "lost"]));
        assert!(add(&mut fields, "new", true));
        assert!(!add(&mut fields, "new", false));
        assert_eq!(fields["secrets"], json!(["old", "new"]));
        assert!(keep_newest(&mut fields));
        assert_eq!(fields["secrets"], json!(["new"]));
    }
}
