//! The steps of the run, and a line of the table for each.

use std::error::Error;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::database::SiteDatabase;
use crate::server_log::LockWaits;
use crate::sessions::{Durations, Sessions, Work};
use crate::wagrun::Wagrun;

/// The number of sessions that save.
pub const EDITORS: i32 = 8;
/// The number of sessions that read.
pub const VISITORS: i32 = 4;
/// The length of a step without a command, with which the commands are compared.
const QUIET: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
enum Step {
    /// Nobody works on the schema.
    Quiet,
    Attach,
    /// With the triggers.
    Attached,
    Detach,
}

const STEPS: [(Step, &str); 4] = [
    (Step::Quiet, "without wagrun"),
    (Step::Attach, "`migrate` attaches"),
    (Step::Attached, "with the triggers"),
    (Step::Detach, "`detach`"),
];

/// Makes the steps without and beside an import, and prints the table.
pub async fn run() -> Result<(), Box<dyn Error>> {
    let database = SiteDatabase::new().await?;
    println!("{}\n", database.describe().await?);
    let wagrun = Wagrun::new(&database)?;
    let editors = Sessions::start(&database, Work::Save, EDITORS).await?;
    let visitors = Sessions::start(&database, Work::Read, VISITORS).await?;

    println!(
        "| | s | saves | median, ms | longest, ms | longest : without | reads | longest, ms | waits of editors and visitors for a table's lock | longest, ms |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for beside in ["", ", beside an import"] {
        let import = match beside {
            "" => None,
            _ => Some(Sessions::start(&database, Work::Import, 1).await?),
        };
        let mut longest_without = None;
        for (step, name) in STEPS {
            let log = database.log_length()?;
            let began = Instant::now();
            match step {
                Step::Quiet | Step::Attached => sleep(QUIET).await,
                Step::Attach => wagrun.attach().await?,
                Step::Detach => wagrun.detach(&database).await?,
            }
            let took = began.elapsed();
            // A save that waits belongs to the step as well.
            sleep(Duration::from_secs(1)).await;
            let saves = Durations::of(editors.since(began, took));
            let reads = Durations::of(visitors.since(began, took));
            let waits = LockWaits::of(&database, log)?;
            let without = *longest_without.get_or_insert(saves.longest);
            println!(
                "| {name}{beside} | {:.1} | {} | {:.1} | {:.1} | {:.1} | {} | {:.1} | {} | {:.1} |",
                took.as_secs_f64(),
                saves.count,
                ms(saves.median),
                ms(saves.longest),
                saves.longest.as_secs_f64() / without.as_secs_f64(),
                reads.count,
                ms(reads.longest),
                waits.count,
                waits.longest_ms,
            );
        }
        if let Some(import) = import {
            import.stop().await?;
        }
    }
    editors.stop().await?;
    visitors.stop().await
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
