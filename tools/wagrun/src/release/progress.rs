//! The progress of one requested image, judged by the state of all releases.

use jiff::Timestamp;

use crate::status::{CurrentRelease, Failure, ReleaseState};

/// The progress of a requested image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// Its request is on the queue, or another release comes first.
    Waits,
    /// It is being released.
    UnderWay(&'a CurrentRelease),
    /// It went into service.
    InService,
    /// Its release failed.
    Failed(&'a Failure),
    /// A newer image, of this digest, was requested before its own release began.
    Superseded(&'a str),
}

impl<'a> Progress<'a> {
    /// Judges the progress of an image that was requested at a time. `before` is the state before the request.
    pub fn of(
        state: &'a ReleaseState,
        digest: &str,
        before: &ReleaseState,
        requested_at: Timestamp,
    ) -> Self {
        if let Some(current) = &state.current
            && current.image.digest == digest
        {
            return Self::UnderWay(current);
        }
        if state
            .next
            .as_ref()
            .is_some_and(|next| next.digest == digest)
        {
            return Self::Waits;
        }
        let deployed_at = |state: &ReleaseState| state.deployed.as_ref().map(|one| one.deployed_at);
        if let Some(deployed) = &state.deployed
            && deployed.image.digest == digest
            && deployed_at(state) > deployed_at(before)
        {
            return Self::InService;
        }
        let failed = |state: &ReleaseState| state.last_failure.as_ref().map(|one| one.sequence);
        if let Some(failure) = &state.last_failure
            && failure.image.digest == digest
            && failed(state) > failed(before)
        {
            return Self::Failed(failure);
        }
        match &state.newest_request {
            Some(newest) if newest.image.digest != digest && newest.requested_at > requested_at => {
                Self::Superseded(&newest.image.digest)
            }
            _ => Self::Waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BEFORE: &str = "2026-11-30T08:00:00Z";
    const AFTER: &str = "2026-11-30T09:00:00Z";

    fn state(json: &Value) -> ReleaseState {
        serde_json::from_value(json.clone()).unwrap()
    }

    /// Judges the image `ours`, which was requested between both times.
    fn progress(before: &Value, now: &Value) -> String {
        let (before, now) = (state(before), state(now));
        let requested_at = "2026-11-30T08:30:00Z".parse().unwrap();
        match Progress::of(&now, "ours", &before, requested_at) {
            Progress::Waits => "waits".to_owned(),
            Progress::UnderWay(current) => current.phase.clone(),
            Progress::InService => "in service".to_owned(),
            Progress::Failed(failure) => failure.reason.clone(),
            Progress::Superseded(digest) => format!("superseded by {digest}"),
        }
    }

    fn deployed(digest: &str, at: &str) -> Value {
        json!({"digest": digest, "deployed_at": at})
    }

    fn failure(digest: &str, sequence: u64) -> Value {
        json!({
            "sequence": sequence, "digest": digest, "phase": "migrating", "reason": format!("{digest} is broken"),
            "failed_at": AFTER,
        })
    }

    fn current(digest: &str) -> Value {
        json!({"sequence": 4, "digest": digest, "phase": "migrating", "attempts": 1, "phase_started_at": AFTER})
    }

    #[test]
    fn a_release_is_followed_from_the_queue_into_service() {
        let before = json!({"deployed": deployed("old", BEFORE)});
        let newer = json!({"digest": "newer", "requested_at": AFTER});
        let is_next = json!({"next": {"digest": "ours"}, "newest_request": newer});
        assert_eq!(progress(&before, &is_next), "waits");
        assert_eq!(progress(&before, &before), "waits");
        let waits = json!({"current": current("other"), "next": {"digest": "ours"}});
        assert_eq!(progress(&before, &waits), "waits");
        assert_eq!(
            progress(&before, &json!({"current": current("ours")})),
            "migrating"
        );
        assert_eq!(
            progress(&before, &json!({"deployed": deployed("ours", AFTER)})),
            "in service"
        );
        assert_eq!(
            progress(&json!({}), &json!({"deployed": deployed("ours", AFTER)})),
            "in service"
        );
    }

    #[test]
    fn an_image_that_is_in_service_already_is_released_again() {
        let before =
            json!({"deployed": deployed("ours", BEFORE), "last_failure": failure("ours", 2)});
        assert_eq!(progress(&before, &before), "waits");
        let again =
            json!({"deployed": deployed("ours", AFTER), "last_failure": failure("ours", 2)});
        assert_eq!(progress(&before, &again), "in service");
        let fails =
            json!({"deployed": deployed("ours", BEFORE), "last_failure": failure("ours", 3)});
        assert_eq!(progress(&before, &fails), "ours is broken");
    }

    #[test]
    fn the_end_of_another_release_is_not_the_own_one() {
        let before = json!({"deployed": deployed("old", BEFORE), "current": current("other")});
        let other_failed =
            json!({"deployed": deployed("old", BEFORE), "last_failure": failure("other", 4)});
        assert_eq!(progress(&before, &other_failed), "waits");
        let other_deployed = json!({"deployed": deployed("other", AFTER)});
        assert_eq!(progress(&before, &other_deployed), "waits");
    }

    #[test]
    fn a_newer_request_takes_the_place_of_one_that_waits() {
        let newest = |at: &str| json!({"newest_request": {"digest": "newer", "requested_at": at}});
        assert_eq!(progress(&json!({}), &newest(AFTER)), "superseded by newer");
        // This request was there before, and the own one is still on the queue.
        assert_eq!(progress(&json!({}), &newest(BEFORE)), "waits");
        let mut first = newest(AFTER);
        first["current"] = current("ours");
        assert_eq!(progress(&json!({}), &first), "migrating");
    }
}
