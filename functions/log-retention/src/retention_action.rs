//! Decides about the retention of a log group.

use crate::log_group::LogGroup;
use crate::retention_days::RetentionDays;

/// The action for a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetentionAction {
    /// Nothing: the log group has the configured retention.
    None,
    /// Set the configured retention, unless a tag forbids it.
    Set,
    /// Keep another retention, which somebody has set or which the log group's class has.
    Keep,
    /// Leave the log group to the account's retention policy of this name, which overrides every other retention.
    LeaveToPolicy(String),
}

/// Decides by the log group alone. The tags are read later, and only for a log group that would be changed.
pub fn decide(group: &LogGroup, configured: RetentionDays, enforce: bool) -> RetentionAction {
    if let Some(policy) = &group.policy {
        return RetentionAction::LeaveToPolicy(policy.clone());
    }
    match group.retention_days {
        _ if group.is_delivery_class => RetentionAction::Keep,
        Some(days) if days == configured.days() => RetentionAction::None,
        Some(_) if !enforce => RetentionAction::Keep,
        _ => RetentionAction::Set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn another_retention_is_kept_unless_enforced_and_a_policy_is_never_overridden() {
        let group = |retention_days, policy: Option<&str>, is_delivery_class| LogGroup {
            name: "/wagrun/x".into(),
            arn: "arn:aws:logs:eu-central-1:111122223333:log-group:/wagrun/x".into(),
            created: Timestamp::UNIX_EPOCH,
            retention_days,
            policy: policy.map(str::to_owned),
            is_delivery_class,
            is_protected: false,
        };
        let set = RetentionAction::Set;
        let keep = RetentionAction::Keep;
        let policy = RetentionAction::LeaveToPolicy("all-30".into());
        // The action without `enforce`, and the action with it.
        let table = [
            (group(None, None, false), &set, &set),
            (
                group(Some(30), None, false),
                &RetentionAction::None,
                &RetentionAction::None,
            ),
            (group(Some(7), None, false), &keep, &set),
            (group(Some(365), None, false), &keep, &set),
            (group(None, None, true), &keep, &keep),
            // The days of a policy are those of the log group, or none when the policy keeps events for ever.
            (group(Some(90), Some("all-30"), false), &policy, &policy),
            (group(None, Some("all-30"), false), &policy, &policy),
        ];
        for (group, action, enforced) in table {
            let configured = RetentionDays::default();
            assert_eq!(&decide(&group, configured, false), action, "{group:?}");
            assert_eq!(&decide(&group, configured, true), enforced, "{group:?}");
        }
    }
}
