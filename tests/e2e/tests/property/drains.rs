//! Random drains: invocations at random moments, which are killed, and a topic that fails.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use content_events::Invocation;
use fastrand::Rng;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::editor::Workload;
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::in_a_minute;

/// The longest wait for statements of the editors, who may all be blocked.
const MAX_PAUSE: Duration = Duration::from_millis(500);
/// The time limit of an invocation. The SDK gives up a call without an answer after ten seconds.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(90);

pub struct RandomDrains {
    site: Arc<RelayedSite>,
    running: Mutex<Vec<JoinHandle<()>>>,
    ended_well: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    killed: AtomicUsize,
}

impl RandomDrains {
    pub fn new(site: Arc<RelayedSite>) -> Self {
        Self {
            site,
            running: Mutex::default(),
            ended_well: Arc::default(),
            failed: Arc::default(),
            killed: AtomicUsize::default(),
        }
    }

    /// Starts an invocation.
    pub fn start(&self, wake: Invocation) {
        let (drainer, ended_well, failed) = (
            self.site.drainer(),
            self.ended_well.clone(),
            self.failed.clone(),
        );
        let invocation = tokio::spawn(async move {
            match drainer.run(&wake, in_a_minute()).await {
                Ok(_) => drop(ended_well.fetch_add(1, Ordering::Relaxed)),
                Err(error) => failed
                    .lock()
                    .unwrap()
                    .push(wagrun_lambda::telemetry::chain(&error)),
            }
        });
        let mut running = self.running.lock().unwrap();
        running.retain(|invocation| !invocation.is_finished());
        running.push(invocation);
    }

    /// Starts sweeps until the time is over, and kills some of them.
    pub async fn sweep(&self, workload: &Workload, mut rng: Rng) {
        while !workload.is_over() {
            workload
                .wait_for_statements(rng.u64(2..60), MAX_PAUSE)
                .await;
            self.start(Invocation::Sweep);
            if rng.u8(..8) == 0 {
                workload
                    .wait_for_statements(rng.u64(1..20), MAX_PAUSE)
                    .await;
                self.kill_one(&mut rng);
            }
        }
    }

    /// Lets the topic work, refuse every fourth entry, or accept without an answer, until the time is over.
    pub async fn disturb_topic(&self, workload: &Workload, mut rng: Rng) {
        while !workload.is_over() {
            workload
                .wait_for_statements(rng.u64(50..300), MAX_PAUSE)
                .await;
            if rng.u8(..3) > 0 {
                let salt = rng.u64(..);
                self.site.topic.fail(move |event| {
                    let hash = BuildHasherDefault::<DefaultHasher>::default();
                    hash.hash_one((salt, event.id)) % 4 == 0
                });
                workload
                    .wait_for_statements(rng.u64(20..80), MAX_PAUSE)
                    .await;
            } else {
                self.site.topic.swallow_answers();
                workload
                    .wait_for_statements(rng.u64(5..40), MAX_PAUSE)
                    .await;
                self.site.topic.recover();
                // An invocation that waits for an answer would hold the lock for seconds.
                self.kill_all();
            }
            self.site.topic.recover();
        }
    }

    /// Returns a summary of all invocations once they have ended.
    pub async fn wait_for_end(&self) -> String {
        self.site.topic.recover();
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for invocation in running {
            // An aborted invocation counts as ended.
            let _ = timeout(INVOCATION_TIMEOUT, invocation)
                .await
                .expect("a drainer hangs");
        }
        let failed = self.failed.lock().unwrap();
        let unexpected: Vec<&String> = failed
            .iter()
            .filter(|error| !error.contains("not this one"))
            .take(3)
            .collect();
        format!(
            "drains: {} ended well, {} failed, {} killed; failures other than refused entries: {unexpected:?}",
            self.ended_well.load(Ordering::Relaxed),
            failed.len(),
            self.killed.load(Ordering::Relaxed)
        )
    }

    fn kill_one(&self, rng: &mut Rng) {
        let running = self.running.lock().unwrap();
        if let Some(invocation) = rng.choice(running.iter()) {
            self.kill(invocation);
        }
    }

    fn kill_all(&self) {
        for invocation in self.running.lock().unwrap().iter() {
            self.kill(invocation);
        }
    }

    fn kill(&self, invocation: &JoinHandle<()>) {
        if !invocation.is_finished() {
            invocation.abort();
            self.killed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
