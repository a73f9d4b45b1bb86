//! The command line.

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::migrate::Migrate;
use crate::output::Format;
use crate::stack::Selection;
use crate::subscribers::Subscribers;
use crate::{
    backfill, doctor, events, history, listen, logs, metrics, outbox, outputs, queues, redrive,
    release, trigger,
};

const EXAMPLES: &str = "\
Examples:
  wagrun status --stack site
  wagrun subscribers add search --url https://search.example.org/hook --types 'wagtail.page.*'
  wagrun logs deliver --follow

Exit codes: 0 all is well, 1 something is not, 2 the command could not do its work.
Times are in UTC.
The name of the stack can be in STACK. Without one, the demo that runs on this machine is meant.";

/// The operator's command for wagrun
#[derive(Debug, Parser)]
#[command(name = "wagrun", version, about, after_help = EXAMPLES, propagate_version = true, disable_help_subcommand = true)]
pub struct Arguments {
    /// The stack.
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub output: Format,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the state of the stack on one screen, what is wrong first
    Status,
    /// Look after the subscribers
    #[command(subcommand, visible_alias = "subscriber")]
    Subscribers(Subscribers),
    /// Examine a deployment; each failed check says what it means and what to do
    Doctor(doctor::Arguments),
    /// Get live, signed events on this machine
    Listen(listen::Arguments),
    /// Send a sample event to a subscriber, or to everybody who listens
    Trigger(trigger::Arguments),
    /// Show what became of an object or an event, for each subscriber
    History(history::Arguments),
    /// Show the events as they pass
    Events(events::Arguments),
    /// Publish events of the past again; wakes the database
    Replay(backfill::Replay),
    /// Send the present state to a subscriber; wakes the database
    Snapshot(backfill::Snapshot),
    /// Show the replays and snapshots of the last day, and how far each is
    Replays(backfill::Runs),
    /// End a replay or a snapshot; wakes the database
    Cancel(backfill::Cancel),
    /// Send messages of a dead-letter queue again
    Redrive(redrive::Arguments),
    /// Show how many messages wait in each queue
    Queues,
    /// Show messages of a dead-letter queue
    Peek(queues::Peek),
    /// Empty a queue of failures that were dealt with
    Purge(queues::Purge),
    /// Publish what waits in the outbox; wakes the database
    Sweep(outbox::Sweep),
    /// Have events tried again that were set apart; wakes the database
    Retry(outbox::Retry),
    /// Give up an event that was set apart; wakes the database
    Discard(outbox::Discard),
    /// Migrate the database, or look ahead; wakes it
    #[command(subcommand)]
    Migrate(Migrate),
    /// Bring an image into service, and follow it to the end; migrates the database
    Release(release::Release),
    /// Show the release under way, and the image in service
    Releases,
    /// Show the functions' logs in readable lines
    Logs(logs::Arguments),
    /// Show values of CloudWatch
    Metrics(metrics::Arguments),
    /// Print the outputs of the stack
    Outputs(outputs::Outputs),
    /// Invoke a function with a payload
    Invoke(outputs::Invoke),
    /// Print the completions for a shell
    Completions(Completions),
    /// Print the manual page
    Man,
}

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_has_no_contradiction() {
        Arguments::command().debug_assert();
    }
}
