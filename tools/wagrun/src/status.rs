//! `wagrun status`: the state of a stack on one screen. It wakes nothing.

mod alarms;
pub mod database;
mod display;
mod outbox;
mod problems;
pub mod queues;
mod releases;
mod state;

use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::stack::Stack;
use crate::subscribers::list;

use state::{Queues, Status};

pub use queues::depth;
pub use releases::{CurrentRelease, Failure, Image, ReleaseState};

/// Shows how many messages wait in each queue. The verdict is bad when a message needs an operator.
pub async fn show_queues(stack: &Stack, output: &Output) -> Result<Verdict, CommandError> {
    let queues = queues::read(stack).await?;
    let needs_operator = queues
        .iter()
        .any(|queue| queue.is_for_operators() && queue.depth.all() > 0);
    output.report(&Queues { queues })?;
    Ok(Verdict::good_if(!needs_operator))
}

/// Shows the state. The verdict is bad when there is a problem, or an alarm is on.
pub async fn run(stack: &Stack, output: &Output) -> Result<Verdict, CommandError> {
    let wait = output.wait(format!("looking at {}", stack.name));
    let status = status(stack).await;
    wait.finish_and_clear();
    let status = status?;
    output.report(&status)?;
    Ok(Verdict::good_if(status.is_well()))
}

async fn status(stack: &Stack) -> Result<Status, CommandError> {
    let (database, outbox, queues, subscribers, releases, migration, alarms) = tokio::try_join!(
        database::read(stack),
        outbox::read(stack),
        queues::read(stack),
        list(stack),
        releases::read(stack),
        releases::migration(stack),
        alarms::read(stack),
    )?;
    let mut status = Status {
        stack: stack.name.clone(),
        status: stack.status.clone(),
        choices: stack.optional("Choices").map(str::to_owned),
        problems: Vec::new(),
        database,
        outbox,
        queues,
        subscribers,
        releases,
        migration,
        alarms,
    };
    status.problems = problems::of(&status);
    Ok(status)
}
