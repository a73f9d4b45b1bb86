//! Decides on images that were pushed or requested by hand.

use jiff::Timestamp;

use crate::decision::Decision;
use crate::image::RequestedImage;
use crate::state::{Phase, Release};

/// Decides on a push. An image that was deployed last is not deployed again.
pub fn pushed(decision: &mut Decision, requested: &RequestedImage, now: Timestamp) {
    let is_deployed = (decision.state.deployed.as_ref())
        .is_some_and(|deployed| deployed.image.digest == requested.image.digest);
    request(decision, requested, is_deployed, now);
}

/// Decides on a request by hand. An image that was deployed last is deployed again.
pub fn requested_by_hand(decision: &mut Decision, requested: &RequestedImage, now: Timestamp) {
    request(decision, requested, false, now);
}

fn request(decision: &mut Decision, requested: &RequestedImage, is_deployed: bool, now: Timestamp) {
    let newest = decision.state.newest_request.as_ref();
    let is_current = (decision.state.current.as_ref())
        .is_some_and(|release| release.image.digest == requested.image.digest);
    if newest.is_some_and(|newest| requested.requested_at < newest.requested_at) {
        return decision.ignore("the image is older than the newest requested image");
    }
    if newest == Some(requested) {
        // The message of the current release comes again while migrate is updated. That is no line of the log.
        return match is_current {
            true => decision.continue_release(),
            false => decision.ignore("the request was handled before"),
        };
    }
    decision.state.newest_request = Some(requested.clone());
    if is_current {
        if let Some(next) = decision.state.next.take() {
            decision.supersede(next.image, &requested.image);
        }
        return decision.ignore("the image is already being released");
    }
    match decision.state.current.take() {
        None if is_deployed => decision.ignore("the image is the newest that was deployed"),
        None => decision.start_release(requested.image.clone(), now),
        // Nothing runs for this release, and the newer image would only wait for the same.
        Some(Release {
            phase: Phase::WaitingForResume | Phase::WaitingForService,
            image,
            ..
        }) => {
            decision.supersede(image, &requested.image);
            decision.start_release(requested.image.clone(), now);
        }
        Some(current) => {
            decision.state.current = Some(current);
            if let Some(next) = decision.state.next.replace(requested.clone()) {
                decision.supersede(next.image, &requested.image);
            }
            decision.continue_release();
        }
    }
}
