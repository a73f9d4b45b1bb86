//! The samples of a run, and the verdict about them.

use std::time::Duration;

use crate::samples::Sample;

/// The growth from the second quarter to the last one that is no growth yet.
const TOLERANCE: f64 = 1.1;
/// The difference below which a figure does not count as grown: pages of a table, threads that come and go.
const NOISE: f64 = 12.0;
/// The figures that may grow: parts that keep everything for the tests, and dead rows, which matter by the size of their tables.
const NOT_JUDGED: [&str; 4] = [
    // It follows the editor's pace, and the size of the tables is judged.
    "events in the history",
    "memory of the emulator, MiB",
    "files of the emulator",
    "dead rows of wagrun",
];

/// The samples of a run.
#[derive(Default)]
pub struct Report {
    samples: Vec<Sample>,
}

/// Some figures have grown.
#[derive(Debug, thiserror::Error)]
#[error("grown from the second quarter to the last: {0}")]
pub struct Grown(String);

impl Report {
    /// Adds a sample, and prints it.
    pub fn add(&mut self, elapsed: Duration, sample: Sample) {
        let figures = sample
            .iter()
            .map(|(name, value)| format!("{name} {value:.0}"));
        let figures: Vec<_> = figures.collect();
        println!("{:4} s  {}", elapsed.as_secs(), figures.join(", "));
        self.samples.push(sample);
    }

    /// Prints the means of the second and the last quarter. Fails if a figure has grown.
    pub fn judge(&self) -> Result<(), Grown> {
        let count = self.samples.len();
        let (early, late) = (count / 4..count / 2, count - count / 4..count);
        let mut names: Vec<&String> = self.samples.iter().flat_map(Sample::keys).collect();
        names.sort();
        names.dedup();
        println!("\n| | second quarter | last quarter | most |\n|---|---|---|---|");
        let mut grown = Vec::new();
        for name in names {
            let values = |range| self.values(name, range);
            let (before, after) = (mean(&values(early.clone())), mean(&values(late.clone())));
            let most = values(0..count).into_iter().fold(0.0, f64::max);
            println!("| {name} | {before:.0} | {after:.0} | {most:.0} |");
            if after > before * TOLERANCE + NOISE && !NOT_JUDGED.contains(&name.as_str()) {
                grown.push(name.clone());
            }
        }
        match grown.is_empty() {
            true => Ok(()),
            false => Err(Grown(grown.join(", "))),
        }
    }

    fn values(&self, name: &str, range: std::ops::Range<usize>) -> Vec<f64> {
        let samples = self.samples[range].iter();
        samples
            .map(|sample| sample.get(name).copied().unwrap_or(0.0))
            .collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of samples is small")]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
