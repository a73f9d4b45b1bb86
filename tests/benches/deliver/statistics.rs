//! Numbers, and the machine that they are of.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use testing::fleet::Fleet;
use testing::fleet::receivers::Arrival;

/// Lambda gives a function of this much memory, in MB, one processor; of others a part in proportion.
pub const ONE_PROCESSOR: f64 = 1769.0;

/// What Linux says of the processor.
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

/// How long each delivery to these subscribers was on its way, from the queue to its receiver, in ascending order.
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

/// The value below which so many hundredths of these are; they must be in order.
pub fn percentile(sorted: &[Duration], hundredths: usize) -> Duration {
    let index = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or_default()
}

/// In thousandths of a second.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
