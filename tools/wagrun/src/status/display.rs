//! The state of a stack as text. What is wrong comes first.

use std::fmt;

use jiff::SignedDuration;

use super::queues::Queue;
use super::releases::Releases;
use super::state::{Queues, Status};
use crate::output;
use crate::time;

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = output::heading(&self.stack);
        writeln!(formatter, "{name}  {}", self.status)?;
        if let Some(choices) = &self.choices {
            writeln!(formatter, "{choices}")?;
        }
        writeln!(formatter)?;
        if self.is_well() {
            writeln!(formatter, "{}", output::good("Nothing is wrong."))?;
        }
        for problem in &self.problems {
            writeln!(formatter, "{}", output::bad(&problem.text))?;
            writeln!(formatter, "    {}", problem.runbook)?;
        }
        for alarm in self.alarms.iter().flatten() {
            let text = format!("{}: {}", alarm.name, alarm.description);
            writeln!(formatter, "{}", output::bad(text))?;
            if let Some(runbook) = &alarm.runbook {
                writeln!(formatter, "    {runbook}")?;
            }
        }
        writeln!(formatter)?;
        self.facts(formatter)?;

        write!(formatter, "\n{}", queue_lines(&self.queues))?;

        if self.subscribers.is_empty() {
            return writeln!(formatter, "\nThere are no subscribers.");
        }
        let mut subscribers = output::table(["SUBSCRIBER", "EVENTS", "STATE"]);
        for one in &self.subscribers {
            subscribers.add_row([
                one.name.clone(),
                one.events.clone().unwrap_or_else(|| "-".to_owned()),
                one.state(),
            ]);
        }
        write!(formatter, "\n{}", output::lines(&subscribers))
    }
}

impl fmt::Display for Queues {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&queue_lines(&self.queues))
    }
}

fn queue_lines(queues: &[Queue]) -> String {
    let mut table = output::table(["QUEUE", "WAITING", "HIDDEN", "OLDEST"]);
    for queue in queues {
        let age = queue.oldest_seconds.map(SignedDuration::from_secs_f64);
        table.add_row([
            queue.name.clone(),
            queue.depth.waiting.to_string(),
            queue.depth.hidden.to_string(),
            age.map_or_else(|| "-".to_owned(), time::duration),
        ]);
    }
    output::lines(&table)
}

impl Status {
    fn facts(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line =
            |name: &str, value: &dyn fmt::Display| writeln!(formatter, "{name:<11} {value}");
        line("database", &self.database)?;
        let outbox = match self.outbox.drained_at {
            None => "not drained within a day".to_owned(),
            Some(at) if self.outbox.oldest_seconds > 0.0 => format!(
                "an event waited for {} s when it was drained at {}",
                self.outbox.oldest_seconds,
                time::second(at)
            ),
            Some(at) => format!("empty when it was drained at {}", time::second(at)),
        };
        line("outbox", &outbox)?;
        let migration = match self.migration.migrated_at {
            Some(at) => format!("newest success at {}", time::minute(at)),
            None => "none within thirty days".to_owned(),
        };
        line("migration", &migration)?;
        if let Releases::On(state) = &self.releases {
            let in_service = state.deployed.as_ref().map(|deployed| {
                let image = &deployed.image;
                let tag = image.tag.as_deref().unwrap_or(&image.digest);
                format!(
                    "{tag} in service since {}",
                    time::minute(deployed.deployed_at)
                )
            });
            let in_service = in_service.unwrap_or_else(|| "none so far".to_owned());
            let current = state.current.as_ref().map(|current| {
                let since = time::minute(current.phase_started_at);
                format!(
                    "; release {} {} since {since}",
                    current.sequence, current.phase
                )
            });
            line("release", &(in_service + &current.unwrap_or_default()))?;
        }
        match &self.alarms {
            None => line("alarms", &"none deployed (Monitoring)"),
            Some(on) => line("alarms", &format_args!("{} on", on.len())),
        }
    }
}
