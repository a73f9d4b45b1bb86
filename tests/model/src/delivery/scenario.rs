//! The parts of a scenario: its events, its faults, and the safeguards that are in place.

/// The events, faults and limits of one state space. There is one subscriber, and a lane for each object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The number of events of each object.
    pub events: Vec<u8>,
    /// The number of copies of deliver.
    pub copies: usize,
    /// The number of faults of each kind.
    pub faults: Faults,
}

/// The number of times that each fault may happen, at any point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A copy of deliver ends without a trace.
    pub crashes: u8,
    /// The receiver refuses a delivery. It may count as dead then, or switch itself off.
    pub refusals: u8,
    /// The owner switches the subscriber off, or on again.
    pub switches: u8,
}

/// The safeguards of delivery. Each can be taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Safeguards {
    /// Nothing is set aside before every copy can know of the backlog (`Backlogs::settling_time`).
    pub grace_before_setting_aside: bool,
    /// A backlog is removed only after every copy can know that it returns (`SweepFacts::returning`).
    pub grace_before_removal: bool,
    /// Nothing is added to an empty lane of a backlog that returns, also while the subscriber is off (`decide::off`).
    pub return_adds_to_no_empty_lane: bool,
    /// Only who holds a message of a lane touches what is set aside of it (`recall`).
    pub only_holder_touches_lane: bool,
    /// A delivery is sent only when nothing of its lane is set aside (`decide::enabled`).
    pub sends_only_behind_empty_bucket: bool,
    /// SQS hands out one message of a lane at a time (`FifoQueue`).
    pub lane_has_one_message_out: bool,
    /// A message stays hidden for longer than the function may run (`VisibilityTimeout`).
    pub hidden_while_function_runs: bool,
    /// A message is deleted after its work is done (`handler`).
    pub deleted_after_work: bool,
    /// A delivery leaves the bucket after it was accepted (`resend_lane`).
    pub removed_after_acceptance: bool,
    /// After a failed message of a group, fan-out attempts no later one of the batch (`partial_batch::handle_in_order`).
    pub failed_message_holds_group: bool,
    /// A schedule recalls what is set aside (`backlog::sweep`).
    pub sweeps: bool,
}

impl Safeguards {
    /// Every safeguard is in place.
    pub const ALL: Self = Self {
        grace_before_setting_aside: true,
        grace_before_removal: true,
        return_adds_to_no_empty_lane: true,
        only_holder_touches_lane: true,
        sends_only_behind_empty_bucket: true,
        lane_has_one_message_out: true,
        hidden_while_function_runs: true,
        deleted_after_work: true,
        removed_after_acceptance: true,
        failed_message_holds_group: true,
        sweeps: true,
    };
}
