//! Databases that were restored from a snapshot or a dump, or that lost state in a crash.

use content_events::Invocation;

use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{RELAY_ROLE, claim_all_changes, execute};

#[test]
fn a_restored_database_numbers_on_from_what_it_does_not_remember() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) values ('Ann', '')",
        )
        .await;
        site.sweep().await.unwrap();
        drop(session);
        let restored = site.database.copy().await;

        // The receivers know these events, which the restored database does not.
        let mut session = site.database.connect().await;
        for round in 0..50 {
            execute(
                &mut session,
                &format!("update blog_author set name = '{round}'"),
            )
            .await;
        }
        site.sweep().await.unwrap();
        let known = site.topic.accepted();
        let highest = &known.last().unwrap().sequence;

        let restored = RelayedSite::on(restored).await;
        execute(
            &mut restored.database.connect().await,
            "update blog_author set name = 'restored'",
        )
        .await;
        restored.sweep().await.unwrap();
        let first = &restored.topic.accepted()[0].sequence;
        assert!(first > highest, "{first} after {highest}");
    });
}

/// In a cluster that was restored from a dump, transaction ids begin anew.
#[test]
fn a_transaction_with_an_id_from_before_the_restore_has_its_own_event() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) values ('Ann', '')",
        )
        .await;
        claim_all_changes(&mut session).await;
        execute(&mut session, "begin; update blog_author set name = 'Bob'").await;
        // The dump has such rows, still pending in the outbox and settled in the history.
        let mut restoring = site.database.connect().await;
        let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
            .fetch_one(&mut session)
            .await
            .unwrap();
        execute(
            &mut restoring,
            &format!(
                "insert into wagrun.outbox (xid, began_at, relation, kind, model, object, key, is_own_row, before, after, rings)
                 values ('{xid}', '2020-01-01', 'blog_author'::regclass, 'snippet', 'blog.author', 'blog.author/1', '1', true,
                         '{{\"id\": 1, \"name\": \"old\"}}', '{{\"id\": 1, \"name\": \"older\"}}', false);\n\
                 update wagrun.event set xid = '{xid}'"
            ),
        )
        .await;
        execute(&mut session, "commit").await;
        assert_eq!(site.sweep().await.unwrap().published, 3);
    });
}

/// Logical replication copies rows, but not the state of a sequence. That must not make a save fail.
#[test]
fn a_counter_that_begins_anew_fails_no_save() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) values ('Ann', '')",
        )
        .await;
        execute(
            &mut session,
            "alter table wagrun.outbox alter column position restart with 1",
        )
        .await;
        execute(&mut session, "update blog_author set name = 'Bob'").await;
        site.sweep().await.unwrap();
        execute(&mut session, "alter sequence wagrun.event_sequence restart").await;
        execute(&mut session, "update blog_author set name = 'Cid'").await;
        site.sweep().await.unwrap();
        let events = site.events("blog.author/1");
        assert_eq!(events.len(), 3);
        assert!(events.is_sorted_by(|one, next| one.sequence < next.sequence));
    });
}

#[test]
fn the_relays_commits_are_durable_whatever_the_servers_setting() {
    run(async {
        let site = RelayedSite::new().await;
        let name = &site.database.name;
        let mut superuser = site.database.observer().await;
        execute(
            &mut superuser,
            &format!("alter database {name} set synchronous_commit = off"),
        )
        .await;
        let session = wagrun_database::connection::SessionSettings {
            application_name: "a test",
            idle_timeout: std::time::Duration::from_secs(60),
            lock_timeout: None,
            server: &[],
        };
        let mut relay = site
            .database
            .config(RELAY_ROLE)
            .connect(session)
            .await
            .unwrap();
        let setting: String = sqlx::query_scalar("show synchronous_commit")
            .fetch_one(&mut relay)
            .await
            .unwrap();
        assert_eq!(setting, "on");
    });
}

#[test]
fn history_is_removed_faster_than_it_grows() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into wagrun.event (sequence, xid, object, kind, model, captured_at, changed, bytes, settled_at, outcome)
             select n, '3', 'page/1', 'page', 'wagtailcore.page', now() - interval '40 days', '{}', 0,
                 now() - interval '40 days', 'published'
             from generate_series(1, 12000) as n;\n\
             insert into blog_author (name, bio) select 'author', '' from generate_series(1, 5000)",
        )
        .await;
        let answer = site
            .drainer()
            .run(&Invocation::Sweep, in_a_minute())
            .await
            .unwrap();
        assert_eq!(answer.published, 5_000);
        assert_eq!(answer.removed, 12_000);
    });
}
