//! Due times: the schedule change that a trigger records for each statement, and the minutes that are then due.

use wagrun_database::outbox;

use crate::support::database::Database;
use crate::support::due_times::{
    due_minutes, forget_schedule_changes, insert_revision, pending_schedule_changes,
};
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::run;
use crate::support::sql::execute;

#[test]
fn a_revision_that_is_approved_for_later_is_due_at_the_next_full_minute() {
    run(async {
        let mut session = Database::new().await.connect().await;
        insert_revision(&mut session, None).await;
        assert_eq!(
            pending_schedule_changes(&mut session).await,
            0,
            "an ordinary save"
        );
        insert_revision(&mut session, Some("2031-05-01 08:00:00+00")).await;
        insert_revision(&mut session, Some("2031-05-01 08:00:00.000001+00")).await;
        insert_revision(&mut session, Some("2031-05-01 10:00:59+02")).await;
        assert_eq!(pending_schedule_changes(&mut session).await, 3);
        assert_eq!(
            due_minutes(&mut session).await,
            ["2031-05-01T08:00:00Z", "2031-05-01T08:01:00Z"]
        );
    });
}

#[test]
fn a_rescheduled_revision_moves_and_a_withdrawn_revision_is_not_due() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let revision = insert_revision(&mut session, Some("2031-05-01 08:00:00+00")).await;
        for (statement, minutes) in [
            (
                "update wagtailcore_revision set approved_go_live_at = '2031-06-01 08:00:00+00'",
                &["2031-06-01T08:00:00Z"][..],
            ),
            // The admin's "cancel scheduled publish" sends this update and no other.
            (
                "update wagtailcore_revision set approved_go_live_at = null",
                &[],
            ),
        ] {
            forget_schedule_changes(&mut session).await;
            execute(&mut session, &format!("{statement} where id = {revision}")).await;
            assert_eq!(
                pending_schedule_changes(&mut session).await,
                1,
                "{statement}"
            );
            assert_eq!(due_minutes(&mut session).await, minutes, "{statement}");
        }
        insert_revision(&mut session, Some("2031-05-01 08:00:00+00")).await;
        forget_schedule_changes(&mut session).await;
        execute(&mut session, "delete from wagtailcore_revision").await;
        assert_eq!(pending_schedule_changes(&mut session).await, 1);
        assert_eq!(due_minutes(&mut session).await, [""; 0]);
    });
}

#[test]
fn a_page_expires_while_it_is_live() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let mut rows = Vec::new();
        for statement in [
            "update wagtailcore_page set expire_at = '2031-05-01 08:00:00+00' where id = 3",
            "update wagtailcore_page set title = 'another' where id = 3",
            "update wagtailcore_page set live = false where id = 3",
            "update wagtailcore_page set expire_at = '2032-05-01 08:00:00+00' where id = 3",
            "update wagtailcore_page set live = true where id = 3",
        ] {
            forget_schedule_changes(&mut session).await;
            execute(&mut session, statement).await;
            rows.push((
                pending_schedule_changes(&mut session).await,
                due_minutes(&mut session).await.len(),
            ));
        }
        assert_eq!(rows, [(1, 1), (0, 1), (1, 0), (0, 0), (1, 1)]);
        assert_eq!(due_minutes(&mut session).await, ["2032-05-01T08:00:00Z"]);
    });
}

#[test]
fn a_due_time_in_the_past_is_due_at_the_next_minute() {
    run(async {
        let mut session = Database::new().await.connect().await;
        insert_revision(&mut session, Some("2001-05-01 08:00:00+00")).await;
        insert_revision(&mut session, Some("-infinity")).await;
        insert_revision(&mut session, Some("infinity")).await;
        let earliest = "2031-01-01T00:00:15Z".parse().unwrap();
        let minutes = outbox::due_minutes(&mut session, earliest, 100)
            .await
            .unwrap();
        assert_eq!(minutes, ["2031-01-01T00:01:00Z".parse().unwrap()]);
    });
}

#[test]
fn the_nearest_minutes_come_first_and_each_once() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            "insert into wagtailcore_revision
                 (content_type_id, base_content_type_id, object_id, created_at, object_str, content, approved_go_live_at)
             select content_type_id, content_type_id, id::text, now(), '', '{}',
                    '2031-05-01 08:00:00+00'::timestamptz + make_interval(secs => 20 * n)
             from wagtailcore_page, generate_series(1, 30) as n where id = 3",
        )
        .await;
        let earliest = "2031-01-01T00:00:00Z".parse().unwrap();
        let minutes = outbox::due_minutes(&mut session, earliest, 3)
            .await
            .unwrap();
        let expected = [1, 2, 3].map(|minute| {
            format!("2031-05-01T08:0{minute}:00Z")
                .parse::<jiff::Timestamp>()
                .unwrap()
        });
        assert_eq!(minutes, expected);
        assert_eq!(
            pending_schedule_changes(&mut session).await,
            1,
            "one transaction, one row"
        );
    });
}

#[test]
fn a_rollback_leaves_nothing() {
    run(async {
        let mut session = Database::new().await.connect().await;
        for end in ["rollback", "rollback to before; commit"] {
            execute(&mut session, "begin; savepoint before").await;
            insert_revision(&mut session, Some("2031-05-01 08:00:00+00")).await;
            execute(&mut session, end).await;
        }
        assert_eq!(pending_schedule_changes(&mut session).await, 0);
    });
}

#[test]
fn a_transaction_that_changes_what_is_due_rings_once_also_when_capture_is_off() {
    run(async {
        let database = Database::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Accepts).await;
        database.set_lambda_endpoint(&lambda.endpoint).await;
        let mut session = database.connect().await;
        execute(&mut session, "begin").await;
        insert_revision(&mut session, Some("2031-05-01 08:00:00+00")).await;
        insert_revision(&mut session, Some("2031-05-02 08:00:00+00")).await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'captured as well' where id = 3",
        )
        .await;
        assert_eq!(lambda.calls().len(), 0);
        execute(&mut session, "commit").await;
        assert_eq!(lambda.calls().len(), 1);
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; update wagtailcore_revision set approved_go_live_at = null; commit",
        )
        .await;
        assert_eq!(lambda.calls().len(), 2);
    });
}

/// A change that commits while a drainer handles others is kept.
#[test]
fn only_changes_that_were_seen_are_forgotten() {
    run(async {
        let database = Database::new().await;
        let (mut session, mut slow) = (database.connect().await, database.connect().await);
        execute(&mut slow, "begin").await;
        insert_revision(&mut slow, Some("2031-05-01 08:00:00+00")).await;
        insert_revision(&mut session, Some("2031-05-02 08:00:00+00")).await;
        let seen = outbox::schedule_changes(&mut session).await.unwrap();
        execute(&mut slow, "commit").await;
        outbox::forget_schedule_changes(&mut session, &seen)
            .await
            .unwrap();
        assert_eq!(pending_schedule_changes(&mut session).await, 1);
    });
}
