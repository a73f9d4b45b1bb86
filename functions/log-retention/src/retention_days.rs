//! The retentions that CloudWatch Logs knows.

use std::{fmt, str::FromStr};

/// The retentions that `PutRetentionPolicy` accepts, in days.
const ALLOWED_DAYS: [i32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// A number of days that CloudWatch Logs accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionDays(i32);

impl RetentionDays {
    /// The text of an error about another value.
    pub const EXPECTED: &str = "a retention of CloudWatch Logs: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, \
                                731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days";

    /// Returns the number of days.
    pub const fn days(self) -> i32 {
        self.0
    }
}

impl Default for RetentionDays {
    fn default() -> Self {
        Self(30)
    }
}

/// A number of days that CloudWatch Logs does not accept.
#[derive(Debug, PartialEq, Eq)]
pub struct NotAllowed;

impl FromStr for RetentionDays {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        let days = text.parse().map_err(|_| NotAllowed)?;
        if ALLOWED_DAYS.contains(&days) {
            Ok(Self(days))
        } else {
            Err(NotAllowed)
        }
    }
}

impl fmt::Display for RetentionDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_retentions_of_cloudwatch_logs_are_accepted() {
        for days in ALLOWED_DAYS {
            assert_eq!(days.to_string().parse(), Ok(RetentionDays(days)));
            assert!(RetentionDays::EXPECTED.contains(&days.to_string()));
        }
        for text in ["0", "2", "31", "-1", "3654", "", "never", "30 days"] {
            assert_eq!(
                text.parse::<RetentionDays>(),
                Err(NotAllowed),
                "{text:?} was accepted"
            );
        }
    }
}
