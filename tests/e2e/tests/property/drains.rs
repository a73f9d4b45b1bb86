//! The drain at random moments, with everything that can happen to it.

use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use content_events::Invocation;
use fastrand::Rng;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::editor::Desk;
use crate::relayed_site::{RelayedSite, in_a_minute};

/// How long the drain may wait for statements that editors don't get to.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// More than an invocation takes: calls of the topic that are not answered are given up after ten seconds.
const LONGEST_RUN: Duration = Duration::from_secs(90);

pub struct Drains {
    site: Arc<RelayedSite>,
    running: Mutex<Vec<JoinHandle<()>>>,
    ended_well: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    killed: AtomicUsize,
}

impl Drains {
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

    /// Sweeps until the time is over; some are killed.
    pub async fn sweep(&self, desk: &Desk, mut rng: Rng) {
        while !desk.is_over() {
            desk.others(rng.u64(2..60), LONGEST_PAUSE).await;
            self.start(Invocation::Sweep);
            if rng.u8(..8) == 0 {
                desk.others(rng.u64(1..20), LONGEST_PAUSE).await;
                self.kill_one(&mut rng);
            }
        }
    }

    /// The topic works, fails every fourth entry, or takes and does not answer.
    pub async fn topic(&self, desk: &Desk, mut rng: Rng) {
        while !desk.is_over() {
            desk.others(rng.u64(50..300), LONGEST_PAUSE).await;
            if rng.u8(..3) > 0 {
                let salt = rng.u64(..);
                self.site.topic.fail(move |event| {
                    let hash = BuildHasherDefault::<DefaultHasher>::default();
                    hash.hash_one((salt, event.id)) % 4 == 0
                });
                desk.others(rng.u64(20..80), LONGEST_PAUSE).await;
            } else {
                self.site.topic.swallow_answers();
                desk.others(rng.u64(5..40), LONGEST_PAUSE).await;
                self.site.topic.recover();
                // Whoever still waits for an answer would hold the lock for seconds.
                self.kill_all();
            }
            self.site.topic.recover();
        }
    }

    /// Returns once every invocation has ended; says how they did.
    pub async fn ended(&self) -> String {
        self.site.topic.recover();
        let running = std::mem::take(&mut *self.running.lock().unwrap());
        for invocation in running {
            // Cancelled is ended.
            let _ = timeout(LONGEST_RUN, invocation)
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
