//! `wagrun subscribers`: who receives events, and how they are.

mod add;
mod attempts;
mod check;
mod health;
mod list;
mod matches;
mod parameters;
mod receiver;
mod remove;
mod rotate;
mod show;
mod switch;
mod test;
mod test_report;

use clap::Subcommand;

use crate::deliver_settings::DeliverSettings;
use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::stack::{Selection, Stack};

pub use attempts::FailedAttempt;
pub use health::{Health, SetAside};
pub use list::{Listed, list};
pub use parameters::SubscriberParameters;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Subscribers {
    /// List all subscribers with their state
    List,
    /// Show one subscriber without its secrets
    Show(show::Arguments),
    /// Create a subscriber, with a secret of its own
    Add(Box<add::Arguments>),
    /// Check the file of a subscriber before it is stored
    Check(check::Arguments),
    /// Send a signed test event to a subscriber, as deliver would
    Test(test::Arguments),
    /// Switch a subscriber on
    Enable(switch::Enable),
    /// Switch a subscriber off; events of that time are not kept for it
    Disable(switch::Disable),
    /// Replace a subscriber's secret in two steps, so that no delivery is refused
    RotateSecret(rotate::Arguments),
    /// Remove a subscriber
    Remove(remove::Arguments),
}

/// Runs a subcommand.
pub async fn run(
    subcommand: &Subscribers,
    selection: &Selection,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let stack = async || Stack::open(selection).await;
    match subcommand {
        Subscribers::List => list::run(&stack().await?, output).await,
        Subscribers::Show(arguments) => show::run(arguments, &stack().await?, output).await,
        Subscribers::Add(arguments) => add::run(arguments, &stack().await?, output).await,
        Subscribers::Check(arguments) => {
            // Without a stack the rules are those of the template, so that a pipeline needs no credentials.
            match selection.stack() {
                Some(_) => {
                    let rules = DeliverSettings::of(&stack().await?).await?.rules;
                    check::run(arguments, rules, output)
                }
                None => check::run(arguments, check::DEFAULT_RULES, output).inspect_err(|_| {
                    output.tell("by the template's own rules; --stack takes those of a stack, also of the demo by its name");
                }),
            }
        }
        Subscribers::Test(arguments) => test::run(arguments, &stack().await?, output).await,
        Subscribers::Enable(arguments) => switch::enable(arguments, &stack().await?, output).await,
        Subscribers::Disable(arguments) => {
            switch::disable(arguments, &stack().await?, output).await
        }
        Subscribers::RotateSecret(arguments) => {
            rotate::run(arguments, &stack().await?, output).await
        }
        Subscribers::Remove(arguments) => remove::run(arguments, &stack().await?, output).await,
    }
}
