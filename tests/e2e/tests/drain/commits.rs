//! The doorbell rings before the commit: what the drainer makes of the transaction that rang.

use super::*;

#[test]
fn a_doorbell_before_the_commit_brings_the_event_by_that_ring_alone() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        let xid = open_rename(&mut session).await;
        let drainer = world.drainer.clone();
        let ring = tokio::spawn(async move {
            let wake = Invocation::Transactions(vec![xid]);
            drainer.run(&wake, in_a_minute()).await
        });
        // The drainer has looked once its session is there and idle between two looks.
        let mut observer = world.database.observer().await;
        until(
            &mut observer,
            "select exists (select from pg_stat_activity where datname = current_database()
            and application_name like 'wagrun%' and query like '%pg_xact_status%')",
        )
        .await;
        assert_eq!(world.titles(), []);
        execute(&mut session, "commit").await;
        assert_eq!(ring.await.unwrap().unwrap().published, 1);
        assert_eq!(world.titles(), pairs(&[("blog.author/1", "Ann")]));
    });
}

#[test]
fn a_transaction_that_outlasts_the_wait_is_rung_for_again() {
    run(async {
        let world = World::new().await;
        let lambda = FakeLambda::start(Mood::Accepting).await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        world.database.set_lambda_endpoint(&lambda.endpoint).await;
        let xid = open_rename(&mut session).await;
        let wake = Invocation::Transactions(vec![xid]);
        let answer = world.drainer.run(&wake, Instant::now()).await.unwrap();
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
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        let xid = open_rename(&mut session).await;
        execute(&mut session, "rollback").await;
        let answer = world
            .drain(Invocation::Transactions(vec![xid]))
            .await
            .unwrap();
        assert_eq!(answer, DrainReport::default());
        assert_eq!(world.titles(), []);
    });
}

/// Anybody whose SQL fails with such a text in it can write such a line, and a restored database has given other ids.
#[test]
fn a_transaction_id_from_the_future_drains_what_there_is() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        rename(&mut session, 1, "Ann").await;
        let wake = Invocation::Transactions(vec![999_999_999_999]);
        assert_eq!(world.drain(wake).await.unwrap().published, 1);
    });
}

/// Two transactions that stay open must not keep everybody's events, as there are no more functions than two.
#[test]
fn who_waits_for_a_transaction_drains_what_others_commit_meanwhile() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        let mut slow = world.database.connect().await;
        let xid = open_rename(&mut slow).await;
        let drainer = world.drainer.clone();
        let waiting = tokio::spawn(async move {
            let wake = Invocation::Transactions(vec![xid]);
            drainer.run(&wake, in_a_minute()).await
        });
        rename(&mut session, 2, "Bob").await;
        world.topic.arrival().await;
        assert_eq!(world.titles(), pairs(&[("blog.author/2", "Bob")]));
        execute(&mut slow, "commit").await;
        assert_eq!(waiting.await.unwrap().unwrap().published, 2);
    });
}
