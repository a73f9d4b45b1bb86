//! What a log group's retention says about what to do.

use crate::{RetentionDays, logs::Group};

/// What to do with a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has the wanted retention.
    Right,
    /// It gets the wanted one, unless its tags say otherwise.
    Set,
    /// Somebody set another retention, or its class has one; it is kept.
    Keep,
    /// The account's retention policy of this name decides, whatever is set.
    Governed(String),
}

/// Decides by the log group alone; whether it opted out is asked only of those that would be changed.
pub fn judge(group: &Group, wanted: RetentionDays, enforce: bool) -> Verdict {
    if let Some(policy) = &group.policy {
        return Verdict::Governed(policy.clone());
    }
    match group.days {
        _ if group.delivery => Verdict::Keep,
        Some(days) if days == wanted.days() => Verdict::Right,
        Some(_) if !enforce => Verdict::Keep,
        _ => Verdict::Set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn what_somebody_set_is_kept_unless_enforced_and_a_policy_is_not_fought() {
        let group = |days, policy: Option<&str>, delivery| Group {
            name: "/wagrun/x".into(),
            arn: "arn:aws:logs:eu-central-1:111122223333:log-group:/wagrun/x".into(),
            created: Timestamp::UNIX_EPOCH,
            days,
            policy: policy.map(str::to_owned),
            delivery,
            protected: false,
        };
        let governed = Verdict::Governed("all-30".into());
        let table = [
            (group(None, None, false), Verdict::Set, Verdict::Set),
            (group(Some(30), None, false), Verdict::Right, Verdict::Right),
            (group(Some(7), None, false), Verdict::Keep, Verdict::Set),
            (group(Some(365), None, false), Verdict::Keep, Verdict::Set),
            (group(None, None, true), Verdict::Keep, Verdict::Keep),
            // A policy shows as its days, or as none when it keeps for ever.
            (
                group(Some(90), Some("all-30"), false),
                governed.clone(),
                governed.clone(),
            ),
            (
                group(None, Some("all-30"), false),
                governed.clone(),
                governed,
            ),
        ];
        for (group, verdict, enforced) in table {
            let wanted = RetentionDays::default();
            assert_eq!(judge(&group, wanted, false), verdict, "{group:?}");
            assert_eq!(judge(&group, wanted, true), enforced, "{group:?}");
        }
    }
}
