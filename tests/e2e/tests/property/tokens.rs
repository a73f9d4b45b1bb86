//! Values that occur once in a run: each says which statement wrote it.

use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "tk";
const DIGITS: usize = 6;

#[derive(Default)]
pub struct Tokens(AtomicU32);

impl Tokens {
    /// A text that nobody has written before; good for a title and for a slug.
    pub fn text(&self) -> String {
        format!("{PREFIX}{:0DIGITS$}", self.number())
    }

    /// A time that nobody has written before, as SQL.
    pub fn time(&self) -> String {
        let number = self.number();
        format!("timestamptz '2026-01-01 00:00:00.000500+00' + interval '{number} seconds'")
    }

    pub fn number(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Every token in a text.
pub fn in_text(text: &str) -> impl Iterator<Item = String> {
    text.match_indices(PREFIX).filter_map(|(at, _)| {
        let token = text.get(at..at + PREFIX.len() + DIGITS)?;
        let is_token = token[PREFIX.len()..]
            .bytes()
            .all(|byte| byte.is_ascii_digit());
        is_token.then(|| token.to_owned())
    })
}
