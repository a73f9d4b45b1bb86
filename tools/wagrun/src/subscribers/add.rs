//! `wagrun subscribers add`: makes a subscriber, checks it, stores it, and shows what its receiver needs.

mod target;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};
use wagrun_delivery::subscriber::Subscriber;
use wagrun_lambda::telemetry::chain;

use super::check::{self, CheckError, MAX_STANDARD_BYTES};
use super::list::events;
use super::parameters::SubscriberParameters;
use super::receiver::Language;
use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;
use crate::filter::FilterArguments;
use crate::output::{self, Output, Verdict};
use crate::secret::{NewSecret, Signature};
use crate::sender::Described;
use crate::stack::Stack;

use target::TargetArguments;

/// The arguments. Without a target, they are asked for at the terminal.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the subscriber, such as search
    name: String,
    /// File with the subscriber's JSON; docs/examples has some
    #[arg(long, conflicts_with_all = ["url", "bus", "distribution", "types", "content_types", "under", "wildcard"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    filter: FilterArguments,
    /// Waits after failed attempts in seconds, such as 5,60,600; after the last attempt a delivery is given up
    #[arg(long, value_delimiter = ',', conflicts_with = "file")]
    retry_seconds: Vec<u32>,
    /// Kind of the webhook's signature
    #[arg(long, value_enum, default_value_t)]
    signature: Signature,
    /// Language of the receiver, whose code is shown
    #[arg(long, value_enum)]
    receiver: Option<Language>,
    /// Replace a subscriber of this name
    #[arg(long)]
    replace: bool,
    /// Check everything, and store nothing
    #[arg(long)]
    dry_run: bool,
}

/// A subscriber that was created.
#[derive(Debug, Serialize)]
struct Added {
    name: String,
    parameter: String,
    target: String,
    events: String,
    stored: bool,
    /// True when it replaces a subscriber whose secrets stay in force.
    keeps_secrets: bool,
    /// Shown this once: the secret, or the public key, that the receiver needs. None when the file has secrets of its own.
    secret: Option<String>,
    warnings: Vec<String>,
    #[serde(skip)]
    code: Option<String>,
}

/// Creates a subscriber.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let name = &arguments.name;
    check_name(name)?;
    let parameters = SubscriberParameters::of(stack)?;
    let settings = DeliverSettings::of(stack).await?;
    let mut fields = match &arguments.file {
        Some(file) => from_file(file)?,
        None => {
            let mut fields = arguments.target.fields_or_ask()?;
            arguments.filter.add_to(&mut fields);
            if !arguments.retry_seconds.is_empty() {
                let waits = json!(arguments.retry_seconds);
                fields.insert("retry_seconds".to_owned(), waits);
            }
            fields
        }
    };
    let mut keeps_secrets = false;
    let mut secret = None;
    if needs_secret(&fields) {
        // Another secret would make the receiver refuse everything. `rotate-secret` changes it without that.
        let kept = match arguments.replace {
            true => stored_secrets(&parameters, name).await?,
            false => None,
        };
        keeps_secrets = kept.is_some();
        let secrets = match kept {
            Some(kept) => kept,
            None => {
                let new = NewSecret::generate(arguments.signature)?;
                let secrets = json!([new.stored]);
                secret = Some(new);
                secrets
            }
        };
        fields.insert("secrets".to_owned(), secrets);
    }
    let json = Value::Object(fields).to_string();
    let place = parameters.parameter(name);
    let refused = |error: CheckError| CommandError::argument(name, error.to_string());
    check::check_text(name, &json).map_err(refused)?;
    let subscriber = Subscriber::parse(name, &place, &json, settings.rules)
        .map_err(|error| CommandError::argument(flag(&error.place.0), error.problem.to_string()))?;
    if json.len() > MAX_STANDARD_BYTES {
        let problem = format!(
            "has {} bytes, and a standard parameter holds {MAX_STANDARD_BYTES}",
            json.len()
        );
        return Err(CommandError::argument(name, problem));
    }
    if !arguments.dry_run {
        parameters.put(name, &json, arguments.replace).await?;
    }
    // One that is not stored would verify nothing.
    let for_receiver = secret.map(|secret| secret.for_receiver);
    let for_receiver = for_receiver.filter(|_| !arguments.dry_run);
    let code = for_receiver.as_deref().zip(arguments.receiver);
    let is_shared = arguments.signature == Signature::V1;
    output.report(&Added {
        name: name.clone(),
        parameter: place,
        target: Described(&subscriber.target).to_string(),
        events: events(&json),
        stored: !arguments.dry_run,
        keeps_secrets,
        warnings: subscriber
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect(),
        code: code
            .filter(|_| is_shared)
            .map(|(secret, language)| language.code(secret)),
        secret: for_receiver,
    })?;
    Ok(Verdict::good_if(subscriber.warnings.is_empty()))
}

/// Returns the secrets of a subscriber that is replaced; none where it has none or does not exist.
async fn stored_secrets(
    parameters: &SubscriberParameters,
    name: &str,
) -> Result<Option<Value>, CommandError> {
    let stored = parameters.find(name).await?;
    let fields: Option<Value> = stored.and_then(|it| serde_json::from_str(&it.json).ok());
    Ok(fields.and_then(|fields| fields.get("secrets").cloned()))
}

/// Checks the part of the parameter's name that an operator chooses.
fn check_name(name: &str) -> Result<(), CommandError> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    match name.len() <= 200 && name.split('/').all(is_part) {
        true => Ok(()),
        false => Err(CommandError::argument(
            format!("NAME {name:?}"),
            "may have letters, digits, and _ . - (SSM, names of parameters)",
        )),
    }
}

/// Returns the flag that gave a field, or the field itself.
fn flag(field: &str) -> String {
    let name = field.split(['[', '.']).next().unwrap_or_default();
    match name {
        "url" | "bus" | "distribution" | "types" | "under" => format!("--{field}"),
        "content_types" | "retry_seconds" => format!("--{}", field.replace('_', "-")),
        "" => "the subscriber".to_owned(),
        _ => field.to_owned(),
    }
}

/// Returns true for a webhook whose file has no secret, and that could have one.
fn needs_secret(fields: &Map<String, Value>) -> bool {
    let is_webhook = fields.get("target").and_then(Value::as_str) == Some("webhook");
    // A service with a format of its own does not know Standard Webhooks.
    let has_own_format = ["template", "requests"]
        .iter()
        .any(|field| fields.contains_key(*field));
    is_webhook && !has_own_format && !fields.contains_key("secrets")
}

fn from_file(file: &Path) -> Result<Map<String, Value>, CommandError> {
    let shown = file.display().to_string();
    let text =
        check::read_text(file).map_err(|error| CommandError::argument(&shown, chain(&error)))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(CommandError::argument(shown, "is not a JSON object")),
        Err(error) => Err(CommandError::argument(
            shown,
            format!(
                "is not JSON (line {}, column {})",
                error.line(),
                error.column()
            ),
        )),
    }
}

impl fmt::Display for Added {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, value: &dyn fmt::Display| writeln!(formatter, "{name:<11} {value}");
        let stored = match self.stored {
            true => output::good("stored; its first events come within a minute"),
            false => "can be stored; nothing was (--dry-run)".to_owned(),
        };
        line("subscriber", &self.name)?;
        line("parameter", &self.parameter)?;
        line("target", &self.target)?;
        line("events", &self.events)?;
        for warning in &self.warnings {
            line("warning", &output::warning(warning))?;
        }
        line("result", &stored)?;
        if self.keeps_secrets {
            line(
                "secret",
                &"as before; wagrun subscribers rotate-secret changes it",
            )?;
        }
        if let Some(secret) = self.secret.as_ref().filter(|_| self.stored) {
            line("secret", secret)?;
            writeln!(
                formatter,
                "\nThe receiver verifies with this secret. It is not shown again."
            )?;
        }
        if let Some(code) = self.code.as_ref().filter(|_| self.stored) {
            writeln!(formatter, "\n{code}")?;
        }
        if self.stored {
            writeln!(formatter, "\nTry it: wagrun subscribers test {}", self.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_parameter_store_takes() {
        for name in ["search", "team/search-2.eu_1"] {
            check_name(name).unwrap();
        }
        for name in ["", "a b", "a/", "ä", "a|b", &"a".repeat(201)] {
            let error = check_name(name).unwrap_err().to_string();
            assert!(error.contains("may have letters"), "{error}");
        }
    }

    #[test]
    fn only_a_webhook_that_can_verify_gets_a_secret() {
        let needs = |fields: Value| needs_secret(fields.as_object().unwrap());
        assert!(needs(json!({"target": "webhook", "url": "https://x/"})));
        assert!(!needs(
            json!({"target": "webhook", "url": "https://x/", "secrets": []})
        ));
        assert!(!needs(json!({"target": "webhook", "template": null})));
        assert!(!needs(json!({"target": "eventbridge"})));
    }

    #[test]
    fn a_fault_is_named_by_the_flag_that_gave_the_field() {
        for (field, expected) in [
            ("types[0]", "--types[0]"),
            ("content_types[1]", "--content-types[1]"),
            ("secrets[0]", "secrets[0]"),
            ("", "the subscriber"),
        ] {
            assert_eq!(flag(field), expected);
        }
    }
}
