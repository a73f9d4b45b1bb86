//! Output for people, as text and tables, and for programs, as JSON.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};
use dialoguer::Confirm;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::CommandError;

/// Marks what is wrong.
const BAD: Style = AnsiColor::Red.on_default().bold();
/// Marks what is as it should be.
const GOOD: Style = AnsiColor::Green.on_default();
/// Marks what needs attention.
const WARNING: Style = AnsiColor::Yellow.on_default();
/// Marks a heading.
const HEADING: Style = Style::new().bold();

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Text and tables, for people.
    #[default]
    Text,
    /// JSON, for programs. events, logs and listen have one object a line.
    Json,
}

/// The result of a command that did its work, for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be.
    Good,
    /// The command found something that is not as it should be.
    Bad,
}

impl Verdict {
    /// Returns [`Verdict::Good`] for true.
    pub fn good_if(is_good: bool) -> Self {
        match is_good {
            true => Self::Good,
            false => Self::Bad,
        }
    }
}

/// Writes to standard output, and asks at the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    format: Format,
}

impl Output {
    /// Creates an output of this form.
    pub fn new(format: Format) -> Self {
        Self { format }
    }

    /// Writes a whole report.
    pub fn report<R: Serialize + Display>(&self, report: &R) -> Result<(), CommandError> {
        match self.format {
            Format::Text => write(&report.to_string()),
            Format::Json => write(&format!(
                "{}\n",
                json(report, serde_json::to_string_pretty)?
            )),
        }
    }

    /// Writes one line of what is followed.
    pub fn line<R: Serialize + Display>(&self, line: &R) -> Result<(), CommandError> {
        match self.format {
            Format::Text => write(&format!("{line}\n")),
            Format::Json => write(&format!("{}\n", json(line, serde_json::to_string)?)),
        }
    }

    /// Tells the operator something beside the report, on standard error.
    pub fn tell(&self, text: impl Display) {
        // Standard error that cannot be written to is no reason to stop.
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Shows on a terminal that something takes time. Nothing is shown elsewhere.
    pub fn wait(&self, text: impl Into<String>) -> ProgressBar {
        let bar = ProgressBar::new_spinner().with_message(text.into());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// Shows on a terminal how much of something is done. Nothing is shown elsewhere.
    pub fn count(&self, all: u64, text: impl Into<String>) -> ProgressBar {
        let bar = ProgressBar::new(all).with_message(text.into());
        let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} {eta}");
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Asks whether something is to be done that costs something or cannot be taken back. `--yes` answers for the operator.
    ///
    /// # Errors
    /// Fails when the answer is no, or nobody can be asked.
    pub fn consent(&self, question: &str, says_yes: bool) -> Result<(), CommandError> {
        if says_yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(CommandError::NeedsConsent(question.to_owned()));
        }
        let question = format!("{question}. Go on?");
        match Confirm::new()
            .with_prompt(question)
            .default(false)
            .interact()
        {
            Ok(true) => Ok(()),
            Ok(false) => Err(CommandError::Declined),
            Err(dialoguer::Error::IO(source)) => Err(CommandError::Io {
                doing: "cannot ask".to_owned(),
                source,
            }),
        }
    }
}

fn json<R: Serialize>(
    report: &R,
    write: fn(&R) -> serde_json::Result<String>,
) -> Result<String, CommandError> {
    write(report).map_err(|source| CommandError::Answer {
        what: "the report",
        source,
    })
}

/// Writes to standard output, without colours when that is no terminal.
fn write(text: &str) -> Result<(), CommandError> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|source| CommandError::Io {
            doing: "cannot write".to_owned(),
            source,
        })
}

/// Formats a number with what is counted: `1 event`, `2 events`.
pub fn counted(count: u64, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {several}"),
    }
}

/// Creates a table without lines, whose columns have these headings.
pub fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings);
    table
}

/// Formats a table, each line without blanks at its end.
pub fn lines(table: &Table) -> String {
    let lines = table.lines().map(|line| {
        let line = line.strip_prefix(' ').unwrap_or(&line).trim_end();
        format!("{line}\n")
    });
    lines.collect()
}

/// Marks a text as bad.
pub fn bad(text: impl Display) -> String {
    styled(BAD, text)
}

/// Marks a text as good.
pub fn good(text: impl Display) -> String {
    styled(GOOD, text)
}

/// Marks a text as a warning.
pub fn warning(text: impl Display) -> String {
    styled(WARNING, text)
}

/// Marks a text as a heading.
pub fn heading(text: impl Display) -> String {
    styled(HEADING, text)
}

fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
