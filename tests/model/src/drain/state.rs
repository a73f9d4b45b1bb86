//! The state of everything that takes part in a drain: the database, the runs, and the topic.

use super::scenario::{Faults, Row, Scenario};

/// A transaction, by its index in the scenario.
pub type Transaction = u8;

/// The state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    /// The editors' transactions.
    pub transactions: Vec<TransactionState>,
    /// Every row that was written to the outbox, in the order of its position.
    pub captured: Vec<Captured>,
    /// The numbered events, in the order of their numbers (`wagrun.event`).
    pub events: Vec<Event>,
    /// The highest number that was given.
    pub last_sequence: u8,
    /// The ids that were given so far, when they are not stored with the number.
    pub last_id: u8,
    /// The rings that Lambda has accepted and not yet started a run for, sorted.
    pub rings: Vec<Ring>,
    /// The runs of content-events, sorted. Runs are interchangeable, so their order has no meaning.
    pub runs: Vec<Run>,
    /// Calls to the topic whose run no longer waits for them, by the event's sequence and id.
    pub late_calls: Vec<Call>,
    /// The events that arrived at the topic for each object, in their order.
    pub arrivals: Vec<Vec<Arrival>>,
    /// The ids that the topic remembers. It drops an event with one of them.
    pub remembered_ids: Vec<u8>,
    /// True when the drain lock is held by a run that crashed.
    pub is_lock_left_behind: bool,
    /// The number of runs that the operator still starts.
    pub operator_runs: u8,
    /// The faults that may still happen.
    pub faults: Faults,
    /// True when a run has left because one holds the lock and another one stands by.
    pub a_run_has_left: bool,
}

/// The state of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransactionState {
    /// It has changed this many of its rows, and holds their locks.
    Open(u8),
    /// Its deferred trigger has written the last row and rung. It holds its locks until it ends.
    Rung,
    /// It is committed.
    Committed,
    /// It was rolled back.
    RolledBack,
}

/// A row of the outbox. Its index is its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Captured {
    /// The transaction that wrote the row.
    pub transaction: Transaction,
    /// The changed row of content. `None` for the row with which a transaction ends.
    pub row: Option<Row>,
    /// False when a claim has removed the row, or a rollback.
    pub is_in_outbox: bool,
}

/// One transaction's change of one object, with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Event {
    /// The event's number.
    pub sequence: u8,
    /// The event's id.
    pub id: u8,
    /// The transaction that changed the object.
    pub transaction: Transaction,
    /// The object.
    pub object: u8,
    /// True when the event is done.
    pub is_settled: bool,
}

/// An event that arrived at the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Arrival {
    /// The transaction that changed the object.
    pub transaction: Transaction,
    /// The event's id.
    pub id: u8,
}

/// The reason for which a run is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ring {
    /// The doorbell of a transaction.
    For(Transaction),
    /// A ring of a run that leaves work behind, or names no transaction.
    Again,
    /// The schedule.
    Sweep,
    /// An operator, who does not try again.
    Operator,
}

/// A run of content-events.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Run {
    /// The reason for which it was started.
    pub ring: Ring,
    /// The transaction whose end it still waits for.
    pub waits_for: Option<Transaction>,
    /// The next step.
    pub step: Step,
    /// True while it holds the drain lock.
    pub holds_lock: bool,
    /// True while it holds the lock of the run that stands by.
    pub holds_next: bool,
    /// The pass through the outbox.
    pub pass: Option<Pass>,
    /// Events that were numbered in a statement that is not committed yet. Empty while numbers are given under the lock.
    pub uncommitted: Vec<Event>,
    /// The calls to the topic that it waits for, sorted.
    pub calls: Vec<Call>,
    /// The sequences that the topic has accepted and that are not settled yet, sorted.
    pub accepted: Vec<u8>,
    /// The refused events, by their object and sequence.
    pub refused: Vec<(u8, u8)>,
    /// True when its time is over.
    pub is_time_over: bool,
}

/// The position of a run in its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The first part of `outbox::lock_if_pending`.
    Look,
    /// The second part of `outbox::lock_if_pending`.
    TakeLock,
    /// `outbox::try_lock(Lock::NextDrainer)`, after the drain lock was taken.
    TakeNext,
    /// The run stands by, and tries the drain lock again and again.
    StandBy,
    /// The run has taken the drain lock, and releases the lock of the one that stands by.
    ReleaseNext,
    /// `outbox::open`.
    Claim,
    /// A claim outside the lock is committed. This step exists only when numbers are not given under the lock.
    CommitClaim,
    /// `batch::publish`.
    Publish,
    /// The unlock in `outbox::close`.
    Unlock,
    /// The first statement of a look (`outbox::look`): the status of the transaction that rang.
    CheckTransaction,
    /// The second statement of a look: is anything pending.
    LookAgain,
    /// `live_events::ring_and_leave`.
    RingAgain,
    /// `OpenTransactions::wait`.
    Wait,
    /// `OpenTransactions::ring_again`.
    RingForTransaction,
}

/// A pass through the outbox (`OutboxCursor`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pass {
    /// The transactions that were committed when the pass began.
    pub snapshot: Vec<Transaction>,
    /// The position at which the next claim begins.
    pub from: usize,
    /// The number of rows that the next claim examines.
    pub window: u8,
    /// True when the pass may have more rows.
    pub has_more: bool,
}

/// A call to the topic with one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// The event's sequence.
    pub sequence: u8,
    /// The id under which the event is published.
    pub id: u8,
    /// True when the topic has accepted the event, and the answer is on its way.
    pub is_accepted: bool,
}

impl State {
    /// Returns the state before the first step.
    pub fn initial(scenario: &Scenario) -> Self {
        let rows = scenario.transactions.iter().flatten();
        let objects = rows.map(|row| usize::from(object_of(*row)) + 1).max();
        Self {
            transactions: vec![TransactionState::Open(0); scenario.transactions.len()],
            captured: Vec::new(),
            events: Vec::new(),
            last_sequence: 0,
            last_id: 0,
            rings: Vec::new(),
            runs: Vec::new(),
            late_calls: Vec::new(),
            arrivals: vec![Vec::new(); objects.unwrap_or_default()],
            remembered_ids: Vec::new(),
            is_lock_left_behind: false,
            operator_runs: scenario.operator_runs,
            faults: scenario.faults,
            a_run_has_left: false,
        }
    }

    /// Returns true when the transaction is committed, so that its rows are visible.
    pub fn is_committed(&self, transaction: Transaction) -> bool {
        self.transactions[usize::from(transaction)] == TransactionState::Committed
    }

    /// Returns true when the transaction has not ended.
    pub fn is_open(&self, transaction: Transaction) -> bool {
        !matches!(
            self.transactions[usize::from(transaction)],
            TransactionState::Committed | TransactionState::RolledBack
        )
    }

    /// Returns true when no run holds the drain lock.
    pub fn is_lock_free(&self) -> bool {
        !self.is_lock_left_behind && self.runs.iter().all(|run| !run.holds_lock)
    }

    /// Returns true when no run stands by.
    pub fn is_next_free(&self) -> bool {
        self.runs.iter().all(|run| !run.holds_next)
    }

    /// Returns true when a committed change is not settled.
    pub fn is_pending(&self) -> bool {
        self.has_visible_rows() || self.events.iter().any(|event| !event.is_settled)
    }

    /// Returns true when a committed change is not settled (`outbox::look`). Events of the run's blocked objects do not count.
    pub fn is_pending_for(&self, run: &Run) -> bool {
        let mut events = self.events.iter();
        self.has_visible_rows()
            || events.any(|event| !event.is_settled && !run.is_blocked(event.object))
    }

    fn has_visible_rows(&self) -> bool {
        let mut rows = self.captured.iter();
        rows.any(|row| row.is_in_outbox && self.is_committed(row.transaction))
    }

    /// Returns true when nothing is under way: no transaction, no ring, no run, no call.
    pub fn is_idle(&self) -> bool {
        let transactions = 0..self.transactions.len() as u8;
        self.runs.is_empty()
            && self.rings.is_empty()
            && self.late_calls.is_empty()
            && transactions.into_iter().all(|one| !self.is_open(one))
    }
}

impl Run {
    /// Returns the run that a ring starts.
    pub fn started_by(ring: Ring) -> Self {
        Self {
            ring,
            waits_for: match ring {
                Ring::For(transaction) => Some(transaction),
                Ring::Again | Ring::Sweep | Ring::Operator => None,
            },
            step: Step::Look,
            holds_lock: false,
            holds_next: false,
            pass: None,
            uncommitted: Vec::new(),
            calls: Vec::new(),
            accepted: Vec::new(),
            refused: Vec::new(),
            is_time_over: false,
        }
    }
}

impl Run {
    /// Returns true when the events of the object wait for the rest of the run (`RunState::is_blocked`).
    pub fn is_blocked(&self, object: u8) -> bool {
        self.refused.iter().any(|refused| refused.0 == object)
    }
}

/// Returns the object that a row belongs to.
pub fn object_of(row: Row) -> u8 {
    row / 2
}
