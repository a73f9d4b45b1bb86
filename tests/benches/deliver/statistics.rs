//! Statistics of deliveries, and the description of the machine.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use testing::fleet::Fleet;
use testing::fleet::receivers::Arrival;

/// The memory, in MB, at which Lambda gives a function one processor. With less memory it gives a part in proportion.
pub const MEMORY_OF_ONE_PROCESSOR: f64 = 1769.0;

/// Returns the processors of this machine and its load.
pub fn machine() -> String {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!(
        "{count} processors of {}, load {load} before",
        model.unwrap_or("an unknown kind")
    )
}

/// Returns the times from the queue to the receiver of the first arrivals that `counts`, in ascending order.
pub fn latencies(fleet: &Fleet, counts: impl Fn(&Arrival) -> bool) -> Vec<Duration> {
    let queue = fleet.deliveries.lock();
    let sent: HashMap<_, _> = queue.sent().collect();
    let mut first: HashMap<String, Timestamp> = HashMap::new();
    for arrival in fleet.receivers.arrivals() {
        if arrival.accepted && counts(&arrival) {
            let name = format!("{}:{}", arrival.webhook_id, arrival.subscriber);
            first.entry(name).or_insert(arrival.at);
        }
    }
    let waited = |(name, at): (&String, &Timestamp)| {
        let sent = sent.get(name.as_str())?;
        Duration::try_from(at.duration_since(*sent)).ok()
    };
    let mut latencies: Vec<_> = first.iter().filter_map(waited).collect();
    latencies.sort_unstable();
    latencies
}

/// Returns the percentile of durations in ascending order.
pub fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    let index = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// Returns the duration in milliseconds.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
