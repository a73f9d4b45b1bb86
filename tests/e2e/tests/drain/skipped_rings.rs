//! Commits that skip their ring, because two runs are present that look at the outbox again before they leave.

use std::sync::Arc;
use std::time::Duration;

use content_events::{DrainError, DrainReport, Drainer, Invocation};
use sqlx::PgConnection;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wagrun_database::outbox::{self, Lock};

use crate::support::drain_fixture::{DrainFixture, insert_authors, pending, rename};
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_no_lock_is_held, wait_until_true};

/// A drainer, a doorbell that counts, and four authors.
struct Burst {
    fixture: DrainFixture,
    doorbell: FakeLambda,
    editor: PgConnection,
    observer: PgConnection,
}

impl Burst {
    async fn new() -> Self {
        let fixture = DrainFixture::new().await;
        let doorbell = FakeLambda::start(LambdaBehavior::Accepts).await;
        let mut editor = fixture.database.connect().await;
        insert_authors(&mut editor, 4).await;
        fixture
            .database
            .set_lambda_endpoint(&doorbell.endpoint)
            .await;
        // The setting of the database is that of later sessions.
        let editor = fixture.database.connect().await;
        let observer = fixture.database.observer().await;
        Self {
            fixture,
            doorbell,
            editor,
            observer,
        }
    }

    /// Saves author 1, and starts a run that waits for the topic's answer.
    async fn first_run(&mut self) -> Run {
        self.fixture.topic.swallow_answers();
        rename(&mut self.editor, 1, "first").await;
        let run = self.start_run(in_a_minute());
        self.fixture.topic.wait_for_batch().await;
        self.fixture.topic.recover();
        run
    }

    /// Saves author 2, and starts a run that stands by.
    async fn second_run(&mut self) -> Run {
        rename(&mut self.editor, 2, "second").await;
        let run = self.start_run(in_a_minute());
        wait_until_true(
            &mut self.observer,
            "select count(*) = 2 from pg_locks where locktype = 'advisory' and granted and mode = 'ExclusiveLock'
                and objid in (x'756e0008'::bigint, x'756e0009'::bigint)
                and database = (select oid from pg_database where datname = current_database())",
        )
        .await;
        run
    }

    fn start_run(&self, stop_at: Instant) -> Run {
        let drainer: Arc<Drainer> = Arc::clone(&self.fixture.drainer);
        tokio::spawn(async move { drainer.run(&Invocation::Sweep, stop_at).await })
    }

    fn rings(&self) -> usize {
        self.doorbell.calls().len()
    }

    /// Leaves a transaction open that has changed author 3 and reached its doorbell.
    async fn skip_and_stay_open(&self) -> PgConnection {
        let mut session = self.fixture.database.connect().await;
        execute(&mut session, "begin").await;
        rename(&mut session, 3, "third").await;
        execute(&mut session, "set constraints all immediate").await;
        session
    }

    /// Returns once a run has looked and did not get the lock that commits share.
    async fn wait_until_a_run_waits(&mut self) {
        // Nothing else writes into this table. A look reads it in the statement that a waiting run repeats.
        wait_until_true(
            &mut self.observer,
            "select not exists (select from wagrun.event where settled_at is null)
                and exists (select from pg_stat_activity where datname = current_database()
                    and application_name = 'wagrun content-events' and state = 'idle' and query like '%has_seen_all%'
                    and clock_timestamp() - state_change > interval '20 milliseconds')",
        )
        .await;
    }
}

type Run = JoinHandle<Result<DrainReport, DrainError>>;

async fn published(run: Run) -> usize {
    run.await.unwrap().unwrap().published
}

#[test]
fn a_commit_beside_two_runs_skips_its_ring_and_is_published_by_them() {
    run(async {
        let mut burst = Burst::new().await;
        let first = burst.first_run().await;
        let second = burst.second_run().await;
        assert_eq!(burst.rings(), 2, "one run is not enough to skip a ring");
        rename(&mut burst.editor, 3, "third").await;
        assert_eq!(burst.rings(), 2);
        first.abort();
        assert_eq!(published(second).await, 3, "the other run takes over");
        assert_eq!(pending(&mut burst.editor).await, 0);
        wait_until_no_lock_is_held(&mut burst.observer).await;
        rename(&mut burst.editor, 4, "fourth").await;
        assert_eq!(burst.rings(), 3, "nobody is present any more");
    });
}

#[test]
fn no_run_leaves_before_a_transaction_that_skipped_its_ring_has_ended() {
    run(async {
        let mut burst = Burst::new().await;
        let first = burst.first_run().await;
        let second = burst.second_run().await;
        let mut open = burst.skip_and_stay_open().await;
        assert_eq!(burst.rings(), 2);
        first.abort();
        burst.wait_until_a_run_waits().await;
        assert!(!second.is_finished());
        // Other changes are published meanwhile.
        rename(&mut burst.editor, 4, "fourth").await;
        wait_until_true(
            &mut burst.observer,
            "select count(*) = 3 from wagrun.event where settled_at is not null",
        )
        .await;
        execute(&mut open, "commit").await;
        assert_eq!(published(second).await, 4);
        assert_eq!(pending(&mut burst.editor).await, 0);
    });
}

#[test]
fn a_transaction_that_skipped_its_ring_and_rolled_back_holds_no_run() {
    run(async {
        let mut burst = Burst::new().await;
        let first = burst.first_run().await;
        let second = burst.second_run().await;
        let mut open = burst.skip_and_stay_open().await;
        first.abort();
        burst.wait_until_a_run_waits().await;
        execute(&mut open, "rollback").await;
        assert_eq!(published(second).await, 2);
        wait_until_no_lock_is_held(&mut burst.observer).await;
    });
}

#[test]
fn a_run_that_cannot_wait_any_longer_rings_and_the_next_one_waits() {
    run(async {
        let mut burst = Burst::new().await;
        let mut places = burst.fixture.database.connect().await;
        for place in [Lock::FirstPlace, Lock::SecondPlace] {
            assert!(outbox::try_lock(&mut places, place).await.unwrap());
        }
        let mut open = burst.skip_and_stay_open().await;
        assert_eq!(burst.rings(), 0);
        drop(places);
        let moment = Instant::now() + Duration::from_millis(100);
        let report = burst.start_run(moment).await.unwrap().unwrap();
        assert!(report.rang_again && report.published == 0, "{report:?}");
        assert_eq!(burst.rings(), 1);
        let next = burst.start_run(in_a_minute());
        burst.wait_until_a_run_waits().await;
        execute(&mut open, "commit").await;
        assert_eq!(published(next).await, 1);
        assert_eq!(burst.rings(), 1);
    });
}

#[test]
fn a_commit_that_meets_a_run_about_to_leave_rings() {
    run(async {
        let mut burst = Burst::new().await;
        let mut leaving = burst.fixture.database.connect().await;
        for lock in [Lock::FirstPlace, Lock::SecondPlace, Lock::SkippedRings] {
            assert!(outbox::try_lock(&mut leaving, lock).await.unwrap());
        }
        rename(&mut burst.editor, 1, "first").await;
        assert_eq!(burst.rings(), 1);
        outbox::unlock(&mut leaving, Lock::SkippedRings)
            .await
            .unwrap();
        rename(&mut burst.editor, 1, "second").await;
        assert_eq!(burst.rings(), 1);
        outbox::unlock(&mut leaving, Lock::FirstPlace)
            .await
            .unwrap();
        rename(&mut burst.editor, 1, "third").await;
        assert_eq!(burst.rings(), 2);
        drop(leaving);
        // The session that saved keeps no lock, so the next run can be present.
        wait_until_no_lock_is_held(&mut burst.observer).await;
    });
}

/// A server whose table of locks is full refuses the locks of the doorbell.
#[test]
fn a_save_rings_when_the_locks_cannot_be_taken() {
    run(async {
        let mut burst = Burst::new().await;
        execute(
            &mut burst.observer,
            "create or replace function wagrun.are_two_present() returns boolean language plpgsql as $$ begin
                 raise exception 'out of shared memory' using errcode = '53200'; end $$",
        )
        .await;
        rename(&mut burst.editor, 1, "first").await;
        assert_eq!(burst.rings(), 1);
        burst.start_run(in_a_minute()).await.unwrap().unwrap();
        assert_eq!(
            burst.fixture.titles(),
            [("blog.author/1".to_owned(), "first".to_owned())]
        );
    });
}
