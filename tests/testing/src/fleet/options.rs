//! The settings of a fleet.

use std::time::Duration;

use super::queue::QueueSettings;
use super::receivers::Behavior;
use super::tls::Certificate;

/// The SSM path of the subscribers' parameters.
pub const SUBSCRIBERS_PATH: &str = "/fleet/subscribers";
/// The SSM path of the parameters that name subscribers with a backlog.
pub const BACKLOGS_PATH: &str = "/fleet/backlogs";
/// The bucket for deliveries that are set aside.
pub const BACKLOG_BUCKET: &str = "fleet-backlogs";

/// The settings of a fleet.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    /// The name of each subscriber, and the behavior of its receiver.
    pub subscribers: Vec<(String, Behavior)>,
    /// The delays between the attempts of a delivery, in seconds.
    pub retry_seconds: Vec<u32>,
    /// The visibility timeout of the queues. The template has 180 s.
    pub visibility_timeout: Duration,
    /// The number of messages, from the oldest, in which SQS looks for a group without a message in flight.
    pub window: usize,
    /// The time for which a function uses the subscribers that it has read.
    pub cache_time: Duration,
    /// The length of the delivery queue from which a subscriber that fails twice is set aside.
    pub crowded_at: u64,
    /// The certificate of the receivers. Without one they speak plain HTTP.
    pub certificate: Option<Certificate>,
    /// The number of SSM reads per second, if it is limited.
    pub parameter_quota: Option<usize>,
    /// True when the functions read the subscriber directory. It is the test that has it written.
    pub has_directory: bool,
}

impl FleetOptions {
    /// The settings of the template, but with retry delays short enough for a test.
    pub fn new(subscribers: Vec<(String, Behavior)>) -> Self {
        Self {
            subscribers,
            retry_seconds: vec![1, 2],
            visibility_timeout: Duration::from_secs(180),
            window: QueueSettings::DEFAULT_WINDOW,
            cache_time: Duration::from_secs(30),
            crowded_at: 30_000,
            certificate: None,
            parameter_quota: None,
            has_directory: false,
        }
    }

    /// Returns the number of attempts of a delivery.
    pub fn max_attempts(&self) -> u32 {
        1 + u32::try_from(self.retry_seconds.len()).unwrap_or(u32::MAX - 1)
    }
}

/// Returns `count` subscribers whose receivers are healthy.
pub fn healthy(count: usize) -> Vec<(String, Behavior)> {
    let subscriber = |number| (format!("subscriber-{number:04}"), Behavior::Healthy);
    (0..count).map(subscriber).collect()
}
