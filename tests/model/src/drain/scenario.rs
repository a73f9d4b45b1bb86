//! The parts of a scenario: its transactions, its faults, and the safeguards that are in place.

/// A row of content. Rows 0 and 1 belong to object 0, rows 2 and 3 to object 1, and so on.
pub type Row = u8;

/// The transactions, faults and limits of one state space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// For each transaction the rows that it changes, in this order.
    pub transactions: Vec<Vec<Row>>,
    /// True when a transaction may roll back instead of any of its steps.
    pub rollbacks: bool,
    /// The maximum number of runs at a time.
    pub copies: usize,
    /// The number of runs that an operator starts. Lambda does not repeat them when they crash.
    pub operator_runs: u8,
    /// The maximum number of outbox rows that one claim examines.
    pub window: u8,
    /// The number of faults of each kind.
    pub faults: Faults,
}

/// The number of times that each fault may happen, at any point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Faults {
    /// A run ends without a trace, and its database session with it.
    pub crashes: u8,
    /// A ring does not arrive.
    pub lost_rings: u8,
    /// A ring arrives twice.
    pub doubled_rings: u8,
    /// The topic refuses an event.
    pub refusals: u8,
    /// The answer of the topic does not arrive. The event may have arrived, or arrive later.
    pub lost_answers: u8,
    /// The time of a run is over.
    pub time_overs: u8,
    /// The topic forgets the ids that it has seen, after five minutes.
    pub forgotten_ids: u8,
}

/// The safeguards of the drain. Each can be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safeguards {
    /// A run looks for changes once more after it has released the lock (`live_events::drain`).
    pub looks_after_unlock: bool,
    /// One run waits for a lock that is taken, before others leave (`live_events::stand_by`).
    pub one_stands_by: bool,
    /// A run leaves only when the lock and the place of the one that stands by are held by two runs (`live_events::stand_by`).
    pub leaves_beside_two_others: bool,
    /// A run waits for the end of the transaction that rang (`OpenTransactions::wait`).
    pub waits_for_commit: bool,
    /// The last look asks for the end of that transaction before it looks for changes (`outbox::look`).
    pub checks_before_looking: bool,
    /// A ring for the rest of the work comes after the lock is released (`live_events::ring_and_leave`).
    pub rings_after_unlock: bool,
    /// The lock belongs to a database session and ends with it (`outbox::try_lock`).
    pub lock_ends_with_session: bool,
    /// Changes are claimed and numbered under the lock (`outbox::open`).
    pub numbers_under_lock: bool,
    /// A transaction has the position of its last change, captured under the lock of the row (`claim.sql`).
    pub place_is_last_change: bool,
    /// A pass takes only what was committed when it began (`OutboxCursor`).
    pub pass_has_one_snapshot: bool,
    /// An event's id is stored with its number (`wagrun.event.id`).
    pub id_with_number: bool,
    /// An object has one event in flight (`Lanes::next_batch`).
    pub one_event_in_flight: bool,
    /// An event is settled before the next one of its object is published (`batch::publish`).
    pub settles_before_the_next: bool,
    /// A refused event blocks its object for the rest of the run (`RunState::record_refusal`).
    pub refusal_blocks_object: bool,
    /// An event is settled after the topic has accepted it (`batch::publish`).
    pub settles_after_acceptance: bool,
    /// A schedule starts runs that look for changes without a ring (`sweep`).
    pub sweeps: bool,
}

impl Safeguards {
    /// Every safeguard is in place.
    pub const ALL: Self = Self {
        looks_after_unlock: true,
        one_stands_by: true,
        leaves_beside_two_others: true,
        waits_for_commit: true,
        checks_before_looking: true,
        rings_after_unlock: true,
        lock_ends_with_session: true,
        numbers_under_lock: true,
        place_is_last_change: true,
        pass_has_one_snapshot: true,
        id_with_number: true,
        one_event_in_flight: true,
        settles_before_the_next: true,
        refusal_blocks_object: true,
        settles_after_acceptance: true,
        sweeps: true,
    };
}
