//! Goes through the deliveries that were set aside of one lane, the oldest first.

use jiff::{SignedDuration, Timestamp};
use wagrun_lambda::telemetry::chain;

use super::backlogs::{BacklogError, Backlogs};
use super::bucket::SetAside;
use super::lane::Lane;
use super::policy::{RefusedDelivery, after_refusal};
use super::turn::Turn;

/// Time after which another recall goes on: the function has thirty seconds, and one attempt may take fifteen.
const MAX_TIME: SignedDuration = SignedDuration::from_secs(10);

/// A recall as it was received.
#[derive(Debug, Clone, Copy)]
pub struct Recalled<'a> {
    /// The lane to go through.
    pub lane: &'a Lane,
    /// The turn that the recall has, if its subscriber is paced. A recall that goes on with the lane keeps it.
    pub turn: Option<&'a Turn>,
    /// The SQS message id of the recall.
    pub message_id: &'a str,
    /// The number of times the recall was received, from 1. It counts the attempts at the lane's oldest delivery.
    pub attempt: u32,
    /// The time at which the recall was received.
    pub now: Timestamp,
    /// Returns the current time.
    pub clock: fn() -> Timestamp,
}

/// The result of sending one delivery that was set aside.
#[derive(Debug)]
pub enum SendResult<F> {
    /// The receiver accepted it, or its subscriber's filter does not let it pass.
    Accepted,
    /// The receiver refused it, and its subscriber is switched off now.
    SwitchedOff,
    /// The receiver refused it.
    Refused {
        /// The reason, handed back to the caller.
        failure: F,
        /// True when the subscriber's schedule has no further attempt.
        is_last_attempt: bool,
    },
    /// The object is not a delivery.
    Unreadable(serde_json::Error),
}

/// The result of going through a lane.
#[derive(Debug, PartialEq, Eq)]
pub enum Resent<F> {
    /// The recall is done: the lane is empty, or the subscriber is off.
    Done,
    /// The recall is done, and another one goes on with the lane.
    Continued,
    /// The oldest delivery was refused. It stays in the bucket, and the recall is done.
    Kept(F),
    /// The oldest delivery was refused. The recall is to be received again for the next attempt.
    Retry(F),
    /// The oldest delivery was refused for the last time. It is in the dead-letter queue, and another recall goes on.
    GivenUp(F),
}

impl<F> Resent<F> {
    /// Returns true when another recall goes on with the lane.
    pub fn is_continued(&self) -> bool {
        matches!(self, Self::Continued | Self::GivenUp(_))
    }
}

/// Sends what was set aside of the lane, oldest first, until the lane is empty, the time is up, or the receiver refuses one.
///
/// # Errors
/// Fails if the bucket, the parameters or a queue cannot be reached. The lane is as it was, or shorter by deliveries that are done.
pub async fn resend_lane<F>(
    backlogs: &Backlogs,
    recalled: &Recalled<'_>,
    send: impl AsyncFn(&SetAside) -> SendResult<F>,
) -> Result<Resent<F>, BacklogError> {
    let lane = recalled.lane;
    while let Some(oldest) = backlogs.bucket.first(lane).await? {
        if (recalled.clock)().duration_since(recalled.now) > MAX_TIME {
            return hand_over(backlogs, recalled, Resent::Continued).await;
        }
        match send(&oldest).await {
            SendResult::Accepted => {}
            SendResult::SwitchedOff => return Ok(Resent::Done),
            SendResult::Unreadable(error) => {
                let error = chain(&error);
                tracing::error!(key = oldest.key, error, "object is not a delivery");
                backlogs.give_up(lane, &oldest.key, &oldest.body).await?;
            }
            SendResult::Refused {
                failure,
                is_last_attempt,
            } => {
                let backlog = backlogs.store.find(&lane.subscriber, recalled.now).await?;
                let counts = backlog.is_some_and(|backlog| backlog.is_returning() || backlog.paced);
                return match after_refusal(counts, is_last_attempt) {
                    RefusedDelivery::Keep => Ok(Resent::Kept(failure)),
                    RefusedDelivery::Retry => Ok(Resent::Retry(failure)),
                    RefusedDelivery::GiveUp => {
                        backlogs.give_up(lane, &oldest.key, &oldest.body).await?;
                        backlogs.bucket.remove(&oldest.key).await?;
                        hand_over(backlogs, recalled, Resent::GivenUp(failure)).await
                    }
                };
            }
        }
        backlogs.bucket.remove(&oldest.key).await?;
        if recalled.attempt > 1 {
            // A new recall counts the attempts at the next delivery from 1.
            return hand_over(backlogs, recalled, Resent::Continued).await;
        }
    }
    Ok(Resent::Done)
}

/// Sends a recall that goes on with the lane.
async fn hand_over<F>(
    backlogs: &Backlogs,
    recalled: &Recalled<'_>,
    result: Resent<F>,
) -> Result<Resent<F>, BacklogError> {
    let next = recalled
        .lane
        .recall_after(recalled.message_id, recalled.turn);
    backlogs.deliveries.send(vec![next]).await?;
    Ok(result)
}
