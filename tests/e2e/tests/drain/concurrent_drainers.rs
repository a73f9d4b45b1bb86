//! Several drainers at once: one holds the drain lock, one waits for it, the others leave.

use content_events::Invocation;
use sqlx::PgConnection;
use wagrun_database::outbox::{self, Lock};

use crate::support::drain_fixture::{
    DrainFixture, assert_each_in_order, insert_authors, pending, rename, take_standby_lock,
};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_until_true};

#[test]
fn drainers_beside_each_other_while_content_changes_lose_nothing_and_keep_every_order() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 8).await;
        let mut writers = Vec::new();
        for id in 1..=8 {
            let mut session = fixture.database.connect().await;
            let drainer = fixture.drainer.clone();
            writers.push(tokio::spawn(async move {
                for round in 1..=10 {
                    rename(&mut session, id, &round.to_string()).await;
                    drainer
                        .run(&Invocation::Sweep, in_a_minute())
                        .await
                        .unwrap();
                }
            }));
        }
        for writer in writers {
            writer.await.unwrap();
        }
        // There is no sweep at the end: the holder of the lock must have published for the drainers that found it taken.
        assert_eq!(pending(&mut session).await, 0);
        assert_each_in_order(&fixture.topic.accepted(), 8, 10);
    });
}

/// Makes the settlement of events wait until the table `released` has a row. A drainer settles its last events after its last claim,
/// with the drain lock.
async fn delay_settlement(session: &mut PgConnection) {
    execute(
        session,
        "create table released (at timestamptz);\n\
         create function wait_for_release() returns trigger language plpgsql security definer as $$ begin
             while not exists (select from public.released) loop perform pg_sleep(0.005) ; end loop ; return new ; end $$;\n\
         create trigger hold before update of settled_at on wagrun.event for each row execute function wait_for_release()",
    )
    .await;
}

/// Steps. Holder: last claim. Editor: commits. Late drainer: finds both locks taken and leaves. Holder: unlocks.
#[test]
fn a_commit_after_the_holders_last_claim_is_published_after_the_unlock() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 2).await;
        delay_settlement(&mut session).await;
        // Another session has the second lock, so that the late drainer leaves.
        let mut waiting_session = fixture.database.connect().await;
        take_standby_lock(&mut waiting_session).await;
        rename(&mut session, 1, "first").await;
        let drainer = fixture.drainer.clone();
        let holder =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = fixture.database.observer().await;
        wait_until_true(
            &mut observer,
            "select exists (select from pg_stat_activity where datname = current_database()
                and application_name like 'wagrun%' and wait_event = 'PgSleep')",
        )
        .await;

        rename(&mut session, 2, "second").await;
        let late = fixture.sweep().await.unwrap();
        assert!(late.another_drainer && late.published == 0, "{late:?}");
        execute(&mut session, "insert into released values (now())").await;
        assert_eq!(holder.await.unwrap().unwrap().published, 2);
        assert_eq!(pending(&mut session).await, 0);
    });
}

/// Steps. Holder: publishes. Editor: commits. Second drainer: finds the lock taken and waits. Holder: is killed.
#[test]
fn the_waiting_drainer_takes_over_when_the_holder_of_the_lock_dies() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 2).await;
        rename(&mut session, 1, "first").await;
        fixture.topic.swallow_answers();
        let drainer = fixture.drainer.clone();
        let holder =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        fixture.topic.wait_for_batch().await;
        fixture.topic.recover();

        rename(&mut session, 2, "second").await;
        let drainer = fixture.drainer.clone();
        let waiting =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = fixture.database.observer().await;
        wait_until_true(
            &mut observer,
            "select exists (select from pg_locks where locktype = 'advisory' and granted and objid = x'756e0005'::bigint
                and database = (select oid from pg_database where datname = current_database()))",
        )
        .await;
        holder.abort();
        assert!(holder.await.unwrap_err().is_cancelled());
        assert_eq!(waiting.await.unwrap().unwrap().published, 2);
        assert_eq!(pending(&mut session).await, 0);
    });
}

/// Steps. Second drainer: takes the lock that has become free, and still holds the lock of the one that stands by. Late drainer: finds
/// both taken. Second drainer: is killed.
#[test]
fn a_drainer_does_not_leave_to_one_that_holds_both_locks() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        let mut second = fixture.database.connect().await;
        take_standby_lock(&mut second).await;
        assert!(outbox::try_lock(&mut second, Lock::Drain).await.unwrap());
        rename(&mut session, 1, "first").await;

        let drainer = fixture.drainer.clone();
        let late =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = fixture.database.observer().await;
        wait_until_true(
            &mut observer,
            "select exists (select from pg_stat_activity where datname = current_database()
                and application_name = 'wagrun content-events' and query like '%from pg_locks%')",
        )
        .await;
        drop(second);
        assert_eq!(late.await.unwrap().unwrap().published, 1);
        assert_eq!(pending(&mut session).await, 0);
    });
}
