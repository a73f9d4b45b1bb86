//! Deliveries of a subscriber that accepts nothing leave the queue for a bucket, and come back in order.
//!
//! A FIFO queue searches only its first 120 000 messages for a lane that is free (SQS developer guide, "FIFO queue
//! quotas"). Deliveries to a dead subscriber wait for a day. They would fill that window in the end, and then no subscriber
//! would receive anything. Therefore deliveries are *set aside*: each becomes an object in a bucket. This begins when a
//! subscriber has accepted nothing for about an hour, sooner when the queue is long, and when it is switched off. It also
//! begins when a receiver answers so slowly that others wait ([`pacing`]). The
//! deliveries come back, lane by lane and in order, when the subscriber accepts something again.
//!
//! # Order
//! - SQS hands out one message of a lane at a time. **Only the holder of a message of the lane adds or removes objects of
//!   that lane.**
//! - **A delivery is sent only when its lane has no objects in the bucket.** Otherwise it becomes the lane's last object.
//! - Deliveries that come back are not sent to the queue again. A [`Recall`] is put into the lane; its receiver sends the
//!   lane's objects, the oldest first, and removes each that is done. A superfluous recall finds no objects, or makes one
//!   more attempt.
//! - Every copy of the function must know of a backlog before the first delivery is set aside. Otherwise one of them could
//!   send a later delivery first. A backlog is *settled* when every copy has read the parameters again since it began.
//! - A backlog is removed when it has been returning for as long and the bucket holds nothing of it. From then on no copy
//!   adds to a lane without objects, also while the subscriber is off: then the backlog begins again.
//!
//! # Crashes
//! - After an object was added, before the invocation ended: the delivery is received again, and becomes the same object.
//! - After a success, before the object was removed: the same event is delivered again with the same `webhook-id`.

mod backlogs;
mod bucket;
mod crowding;
mod lane;
mod pacing;
mod pass_on;
mod policy;
mod resend_lane;
mod store;
mod sweep;
mod swept;
mod turn;

pub use backlogs::{Absence, BacklogError, BacklogFacts, Backlogs};
pub use bucket::{Bucket, SetAside};
pub use crowding::Crowding;
pub use lane::{Lane, Recall};
pub use pacing::{Pacing, PacingLimits};
pub use pass_on::pass_on;
pub use resend_lane::{Recalled, Resent, SendResult, resend_lane};
pub use store::{Backlog, BacklogStore};
pub use sweep::{Sweep, sweep};
pub use swept::SweptBacklog;
pub use turn::Turn;
