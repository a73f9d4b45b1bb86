//! `wagrun doctor`: looks at what a deployment can get wrong, and at what no test without an account could show.
//!
//! Each check has a name, says what its failure means, and names the next command. A check that AWS does not allow fails too, with the
//! action that is missing: nothing is taken for well that was not seen.

mod check;
mod checks;
mod database;
mod end_to_end;
mod functions;
mod logs;
mod report;
mod schedules;
mod subscribers;
mod topic;

use std::fs;
use std::path::PathBuf;

use clap::Args;

use crate::error::CommandError;
use crate::output::{Output, Verdict};
use crate::stack::Stack;

use report::Examination;

/// The arguments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Also commit a marked change, and see its event arrive. content-events connects to the database, which wakes it
    #[arg(long)]
    end_to_end: bool,
    /// Write the result as JUnit XML, for a pipeline
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Only these checks
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
}

/// Examines the stack. The verdict is bad when a check failed.
pub async fn run(
    arguments: &Arguments,
    stack: &Stack,
    output: &Output,
) -> Result<Verdict, CommandError> {
    let all = checks::all(arguments.end_to_end);
    for name in &arguments.only {
        let with_all = checks::all(true);
        let problem = if !with_all.iter().any(|check| check.name == name) {
            let names: Vec<_> = with_all.iter().map(|check| check.name).collect();
            format!("there is no such check; there are {}", names.join(", "))
        } else if !all.iter().any(|check| check.name == name) {
            "is a check that needs --end-to-end beside it".to_owned()
        } else {
            continue;
        };
        return Err(CommandError::argument(format!("--only {name}"), problem));
    }
    if arguments.end_to_end {
        stack.consent_to_wake(output, arguments.yes)?;
    }
    let is_chosen =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|one| one == name);
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|check| is_chosen(check.name))
        .collect();
    let progress = output.count(chosen.len() as u64, "examining");
    let mut findings = Vec::new();
    for check in chosen {
        progress.set_message(check.name);
        findings.push(check.run(stack).await);
        progress.inc(1);
    }
    progress.finish_and_clear();
    let examination = Examination::new(&stack.name, findings);
    if let Some(path) = &arguments.junit {
        let xml = examination.junit()?;
        fs::write(path, xml).map_err(|source| CommandError::Io {
            doing: format!("cannot write {}", path.display()),
            source,
        })?;
    }
    output.report(&examination)?;
    Ok(Verdict::good_if(examination.failed() == 0))
}
