//! Passes a turn of a paced subscriber on from lane to lane.

use jiff::Timestamp;

use super::backlogs::{BacklogError, Backlogs};
use super::lane::Lane;
use super::turn::Turn;

/// Number of lanes that are listed at once in search of the next one.
const MAX_LISTED_LANES: usize = 1000;

/// Passes the turn on to the next lane, after its holder has ended with `lane`. It ends when another sweep has given out
/// turns, when the subscriber is paced no longer, and when no other lane is left.
pub async fn pass_on(
    backlogs: &Backlogs,
    turn: &Turn,
    lane: &Lane,
    message_id: &str,
    now: Timestamp,
) -> Result<(), BacklogError> {
    let backlog = backlogs.store.find(&lane.subscriber, now).await?;
    // This copy may not know yet of the sweep that gave out the turn. It knows of a later one soon enough.
    let is_current = backlog.is_some_and(|backlog| {
        backlog.is_paced() && backlog.recalled_at.is_none_or(|at| at <= turn.since)
    });
    if !is_current {
        return Ok(());
    }
    for after in [Some(lane.subject.as_str()), None] {
        let lanes = backlogs
            .bucket
            .lanes(&lane.subscriber, after, MAX_LISTED_LANES);
        let lanes = lanes.await?;
        let next = lanes
            .iter()
            .find(|next| turn.has(&next.subject) && *next != lane);
        if let Some(next) = next {
            let recall = next.recall_in_turn(turn, message_id);
            return Ok(backlogs.deliveries.send(vec![recall]).await?);
        }
    }
    Ok(())
}
