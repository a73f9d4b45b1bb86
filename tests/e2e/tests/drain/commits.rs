//! The doorbell rings before the commit: the drainer waits for the transaction that rang.

use content_events::DrainReport;
use content_events::Invocation;
use tokio::time::Instant;

use crate::support::drain_fixture::{DrainFixture, begin_rename, insert_authors, pairs, rename};
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_true};

#[test]
fn a_doorbell_before_the_commit_brings_the_event_by_that_ring_alone() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        let xid = begin_rename(&mut session).await;
        let drainer = fixture.drainer.clone();
        let ring = tokio::spawn(async move {
            let wake = Invocation::Transactions(vec![xid]);
            drainer.run(&wake, in_a_minute()).await
        });
        // The session of the drainer shows that it has checked the transaction at least once.
        let mut observer = fixture.database.observer().await;
        wait_until_true(
            &mut observer,
            "select exists (select from pg_stat_activity where datname = current_database()
            and application_name like 'wagrun%' and query like '%pg_xact_status%')",
        )
        .await;
        assert_eq!(fixture.titles(), []);
        execute(&mut session, "commit").await;
        assert_eq!(ring.await.unwrap().unwrap().published, 1);
        assert_eq!(fixture.titles(), pairs(&[("blog.author/1", "Ann")]));
    });
}

#[test]
fn a_transaction_that_outlasts_the_wait_is_rung_for_again() {
    run(async {
        let fixture = DrainFixture::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Accepts).await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        fixture.database.set_lambda_endpoint(&lambda.endpoint).await;
        let xid = begin_rename(&mut session).await;
        let wake = Invocation::Transactions(vec![xid]);
        let answer = fixture.drainer.run(&wake, Instant::now()).await.unwrap();
        assert!(answer.rang_again);
        let calls = lambda.calls();
        assert_eq!(calls.len(), 1);
        assert_eq!(
            calls[0].1.replace(' ', ""),
            format!("{{\"xid\":\"{xid}\"}}")
        );
    });
}

#[test]
fn a_transaction_that_was_rolled_back_is_no_event_and_no_error() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        let xid = begin_rename(&mut session).await;
        execute(&mut session, "rollback").await;
        let answer = fixture
            .drain(Invocation::Transactions(vec![xid]))
            .await
            .unwrap();
        assert_eq!(answer, DrainReport::default());
        assert_eq!(fixture.titles(), []);
    });
}

/// A log line can name such an id: any failing SQL with this text writes one, and a restored database had other ids.
#[test]
fn a_transaction_id_from_the_future_drains_what_there_is() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        rename(&mut session, 1, "Ann").await;
        let wake = Invocation::Transactions(vec![999_999_999_999]);
        assert_eq!(fixture.drain(wake).await.unwrap().published, 1);
    });
}

/// Two open transactions must not hold back the events of others, because only two functions run at once.
#[test]
fn a_drainer_that_waits_for_a_transaction_publishes_what_others_commit() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 2).await;
        let mut slow = fixture.database.connect().await;
        let xid = begin_rename(&mut slow).await;
        let drainer = fixture.drainer.clone();
        let waiting = tokio::spawn(async move {
            let wake = Invocation::Transactions(vec![xid]);
            drainer.run(&wake, in_a_minute()).await
        });
        rename(&mut session, 2, "Bob").await;
        fixture.topic.wait_for_batch().await;
        assert_eq!(fixture.titles(), pairs(&[("blog.author/2", "Bob")]));
        execute(&mut slow, "commit").await;
        assert_eq!(waiting.await.unwrap().unwrap().published, 2);
    });
}
