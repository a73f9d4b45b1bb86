//! Values that occur once in a run, so that each shows which statement wrote it.

use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "tk";
const DIGITS: usize = 6;

#[derive(Default)]
pub struct Tokens(AtomicU32);

impl Tokens {
    /// Returns a text that no statement has written. It is valid as a title and as a slug.
    pub fn text(&self) -> String {
        format!("{PREFIX}{:0DIGITS$}", self.number())
    }

    /// Returns a time that no statement has written, as SQL.
    pub fn time(&self) -> String {
        let number = self.number();
        format!("timestamptz '2026-01-01 00:00:00.000500+00' + interval '{number} seconds'")
    }

    pub fn number(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Returns every token in a text.
pub fn in_text(text: &str) -> impl Iterator<Item = String> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let token = text.get(at..at + PREFIX.len() + DIGITS)?;
        let is_token = token[PREFIX.len()..]
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        is_token.then(|| token.to_owned())
    })
}
