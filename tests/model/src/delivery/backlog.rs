//! The backlog's parameter, and the sweep (`backlog::backlogs`, `backlog::sweep`, `backlog::policy`).

use super::scenario::Safeguards;
use super::state::{Backlog, Content, Deliver, Lane, State, Step, Visibility, Work};

/// Begins the subscriber's backlog, unless it has one (`Backlogs::begin`).
pub fn begin(safeguards: &Safeguards, state: &mut State, copy: Option<&mut Deliver>) {
    let is_kept = |backlog: &Backlog| !backlog.is_returning;
    if copy
        .as_ref()
        .is_some_and(|copy| copy.knows.as_ref().is_some_and(is_kept))
    {
        return;
    }
    let can_begin = match &state.backlog {
        None => true,
        Some(backlog) => backlog.is_returning && backlog.is_return_settled,
    };
    if can_begin {
        state.last_epoch += 1;
        if !safeguards.grace_before_setting_aside {
            state.settled_epoch = state.last_epoch;
        }
        state.backlog = Some(Backlog {
            epoch: state.last_epoch,
            is_returning: false,
            is_return_settled: false,
        });
    }
    if let Some(copy) = copy {
        copy.knows = state.backlog;
    }
}

/// Lets the backlog return, because the receiver has accepted a delivery, and recalls its lanes (`Backlogs::begin_return`).
pub fn begin_return(safeguards: &Safeguards, state: &mut State, copy: &mut Deliver) {
    if copy.knows.is_none_or(|known| known.is_returning) {
        return;
    }
    if let Some(backlog) = state.backlog.filter(|backlog| !backlog.is_returning) {
        state.backlog = Some(returning(safeguards, backlog));
        recall_lanes(state);
    }
    copy.knows = state.backlog;
}

fn returning(safeguards: &Safeguards, backlog: Backlog) -> Backlog {
    Backlog {
        is_returning: true,
        is_return_settled: !safeguards.grace_before_removal,
        ..backlog
    }
}

/// Recalls each lane of which something is set aside. A second recall of a lane would find nothing more.
fn recall_lanes(state: &mut State) {
    for lane in &mut state.lanes {
        if !lane.bucket.is_empty() && !lane.is_recalled() {
            lane.send(Content::Recall);
        }
    }
}

/// Returns true when the settling time of the present backlog may be over: every copy has read the parameters since it began, and
/// has finished what it began before.
pub fn can_settle(state: &State) -> bool {
    let Some(backlog) = state.backlog else {
        return false;
    };
    let knows = |known: Option<Backlog>| known.is_some_and(|known| known.epoch == backlog.epoch);
    !state.is_settled(backlog) && !state.sweep_is_removing && all_copies(state, knows)
}

/// Returns true when the settling time of the return may be over.
pub fn can_settle_return(state: &State) -> bool {
    let Some(backlog) = state.backlog else {
        return false;
    };
    let knows = |known: Option<Backlog>| {
        known.is_some_and(|known| known.epoch == backlog.epoch && known.is_returning)
    };
    backlog.is_returning
        && !backlog.is_return_settled
        && !state.sweep_is_removing
        && all_copies(state, knows)
}

fn all_copies(state: &State, knows: impl Fn(Option<Backlog>) -> bool) -> bool {
    state.copies.iter().all(|copy| {
        let work = copy.work.as_ref();
        knows(copy.knows) && work.is_none_or(|work| knows(work.knew))
    })
}

/// Returns true when the first message of the lane was hidden for the settling time. Each copy has then read the backlogs again. The
/// backlog and its return have settled, if they are still the same. The subscriber, which is read from a directory, may still be
/// known as it was.
pub fn is_deferral_over(state: &State, lane: &Lane) -> bool {
    let head = lane.queue.first().map(|message| message.visibility);
    let Some(Visibility::Deferred(known)) = head else {
        return false;
    };
    let has_settled = match (known, state.backlog) {
        (Some(known), Some(present)) if known.epoch == present.epoch => {
            state.is_settled(present) && (!known.is_returning || present.is_return_settled)
        }
        _ => true,
    };
    let mut copies = state.copies.iter();
    has_settled && copies.all(|copy| copy.knows == state.backlog)
}

/// Ends the settling time of the return.
pub fn settle_return(state: &mut State) {
    if let Some(backlog) = &mut state.backlog {
        backlog.is_return_settled = true;
    }
}

/// The action of the sweep for the subscriber's backlog (`SweepAction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swept {
    /// A backlog begins, because deliveries are set aside without one.
    Begin,
    /// Lanes are recalled.
    Recall,
    /// A backlog with nothing in the bucket returns.
    Return,
    /// The bucket is empty, so the parameter of a backlog that returns is to be removed.
    List,
    /// The parameter is removed, seconds after the bucket was listed.
    Remove,
}

/// Decides what the sweep does (`SweepFacts::decide`). Returns `None` when it does nothing.
pub fn sweep_action(state: &State) -> Option<Swept> {
    let is_empty = state.is_bucket_empty();
    if state.sweep_is_removing {
        return Some(Swept::Remove);
    }
    match state.backlog {
        None => (!is_empty).then_some(Swept::Begin),
        Some(_) if !state.is_on => None,
        Some(backlog) if !backlog.is_returning => match is_empty {
            true => Some(Swept::Return),
            false => needs_recall(state).then_some(Swept::Recall),
        },
        Some(backlog) if !backlog.is_return_settled => None,
        Some(_) if is_empty => Some(Swept::List),
        Some(_) => needs_recall(state).then_some(Swept::Recall),
    }
}

fn needs_recall(state: &State) -> bool {
    let mut lanes = state.lanes.iter();
    lanes.any(|lane| !lane.bucket.is_empty() && !lane.is_recalled())
}

/// Does what the sweep has decided.
pub fn sweep(safeguards: &Safeguards, state: &mut State, action: Swept) {
    match action {
        Swept::Begin => begin(safeguards, state, None),
        Swept::Recall if safeguards.only_holder_touches_lane => recall_lanes(state),
        Swept::Recall => send_without_message(state),
        Swept::Return => {
            state.backlog = state.backlog.map(|backlog| returning(safeguards, backlog));
        }
        Swept::List => state.sweep_is_removing = true,
        Swept::Remove => {
            state.sweep_is_removing = false;
            state.backlog = None;
        }
    }
}

/// Sends what is set aside without a message of the lane, as a sweep must not do.
fn send_without_message(state: &mut State) {
    let lane = state.lanes.iter().position(|lane| !lane.bucket.is_empty());
    let idle = state.copies.iter_mut().find(|copy| copy.work.is_none());
    if let (Some(lane), Some(copy)) = (lane, idle) {
        copy.work = Some(Work {
            lane,
            content: None,
            knew: copy.knows,
            step: Step::ReadOldest,
        });
    }
}
