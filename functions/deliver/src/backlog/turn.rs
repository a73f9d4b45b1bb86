//! The turns of a paced subscriber.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The right to recall one lane of a paced subscriber at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The time of the sweep that gave it out.
    pub since: Timestamp,
    /// Its number, from 0.
    pub number: u32,
    /// The number of turns that the sweep gave out.
    pub of: u32,
}

impl Turn {
    /// Returns the turns that a sweep gives out.
    pub fn all(since: Timestamp, of: u32) -> impl Iterator<Item = Self> {
        (0..of).map(move |number| Self { since, number, of })
    }

    /// Returns true when the lane of this subject belongs to the turn.
    pub fn has(&self, subject: &str) -> bool {
        let digest = Sha256::digest(subject);
        let [first, second, third, fourth, ..] = digest[..] else {
            return true;
        };
        u32::from_be_bytes([first, second, third, fourth]) % self.of.max(1) == self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_belongs_to_one_turn() {
        for of in [1, 2, 5] {
            let turns: Vec<_> = Turn::all(Timestamp::UNIX_EPOCH, of).collect();
            for subject in (0..100).map(|number| format!("page/{number}")) {
                let holders = turns.iter().filter(|turn| turn.has(&subject));
                assert_eq!(holders.count(), 1, "{subject} of {of}");
            }
        }
    }
}
