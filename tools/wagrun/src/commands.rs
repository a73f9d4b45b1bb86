//! Runs a command.

use std::io::{self, Write as _};

use clap::CommandFactory as _;

use crate::arguments::{Arguments, Command};
use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::stack::Stack;
use crate::{
    backfill, doctor, events, history, listen, logs, metrics, migrate, outbox, outputs, queues,
    redrive, release, status, subscribers, trigger,
};

/// Runs the command of these arguments.
pub async fn run(arguments: &Arguments) -> Result<Verdict, CommandError> {
    let output = &Output::new(arguments.output);
    let selection = &arguments.selection;
    let stack = async || Stack::open(selection).await;
    match &arguments.command {
        Command::Status => status::run(&stack().await?, output).await,
        Command::Subscribers(subcommand) => subscribers::run(subcommand, selection, output).await,
        Command::Doctor(arguments) => doctor::run(arguments, &stack().await?, output).await,
        Command::Listen(arguments) => listen::run(arguments, &stack().await?, output).await,
        Command::Trigger(arguments) if arguments.is_list() => trigger::list(output),
        Command::Trigger(arguments) => trigger::run(arguments, &stack().await?, output).await,
        Command::History(arguments) => history::run(arguments, &stack().await?, output).await,
        Command::Events(arguments) => events::run(arguments, &stack().await?, output).await,
        Command::Replay(arguments) => backfill::replay(arguments, &stack().await?, output).await,
        Command::Snapshot(arguments) => {
            backfill::snapshot(arguments, &stack().await?, output).await
        }
        Command::Replays(arguments) => backfill::runs(arguments, &stack().await?, output).await,
        Command::Cancel(arguments) => backfill::cancel(arguments, &stack().await?, output).await,
        Command::Redrive(arguments) => redrive::run(arguments, &stack().await?, output).await,
        Command::Queues => status::show_queues(&stack().await?, output).await,
        Command::Peek(arguments) => queues::peek(arguments, &stack().await?, output).await,
        Command::Purge(arguments) => queues::purge(arguments, &stack().await?, output).await,
        Command::Sweep(arguments) => outbox::sweep(arguments, &stack().await?, output).await,
        Command::Retry(arguments) => outbox::retry(arguments, &stack().await?, output).await,
        Command::Discard(arguments) => outbox::discard(arguments, &stack().await?, output).await,
        Command::Migrate(subcommand) => migrate::run(subcommand, &stack().await?, output).await,
        Command::Release(arguments) => release::release(arguments, &stack().await?, output).await,
        Command::Releases => release::releases(&stack().await?, output).await,
        Command::Logs(arguments) => logs::run(arguments, &stack().await?, output).await,
        Command::Metrics(arguments) => metrics::run(arguments, &stack().await?, output).await,
        Command::Outputs(arguments) => outputs::outputs(arguments, &stack().await?, output),
        Command::Invoke(arguments) => outputs::run(arguments, &stack().await?, output).await,
        Command::Completions(arguments) => {
            let mut text = Vec::new();
            clap_complete::generate(
                arguments.shell,
                &mut Arguments::command(),
                "wagrun",
                &mut text,
            );
            print(&text)
        }
        Command::Man => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Arguments::command())
                .render(&mut text)
                .map_err(cannot_write)?;
            print(&text)
        }
    }
}

fn print(text: &[u8]) -> Result<Verdict, CommandError> {
    io::stdout().write_all(text).map_err(cannot_write)?;
    Ok(Verdict::Good)
}

fn cannot_write(source: io::Error) -> CommandError {
    CommandError::Io {
        doing: "cannot write".to_owned(),
        source,
    }
}
