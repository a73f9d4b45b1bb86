//! A drain that something or somebody interrupts.

use super::*;

#[test]
fn an_event_that_the_topic_refuses_holds_back_its_object_and_no_other() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        rename(&mut session, 1, "poison").await;
        rename(&mut session, 2, "fine").await;
        rename(&mut session, 1, "later").await;
        world.topic.refuse(|event| title(event) == "poison");

        let error = world.sweep().await.unwrap_err().to_string();
        assert!(
            error.starts_with("1 events were not published; first event ")
                && error.ends_with("(blog.author/1): InvalidParameter: not this one"),
            "{error}"
        );
        assert_eq!(world.titles(), pairs(&[("blog.author/2", "fine")]));
        let (failures, reason): (i32, String) =
            sqlx::query_as("select failures, last_error from wagrun.event where failures > 0")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!(
            (failures, reason.as_str()),
            (1, "InvalidParameter: not this one")
        );

        world.topic.recover();
        assert_eq!(world.sweep().await.unwrap().published, 2);
        assert_eq!(
            world.titles(),
            pairs(&[
                ("blog.author/2", "fine"),
                ("blog.author/1", "poison"),
                ("blog.author/1", "later")
            ])
        );
    });
}

#[test]
fn a_topic_that_takes_nothing_ends_the_run_after_one_batch() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 600).await;
        execute(&mut session, "update blog_author set name = '1'").await;
        world.topic.go_down();
        let error = world.sweep().await.unwrap_err();
        assert!(
            matches!(error, DrainError::Refused { count, .. } if count <= 320),
            "{error}"
        );
        world.topic.recover();
        assert_eq!(world.sweep().await.unwrap().published, 600);
        assert_each_in_order(&world.topic.taken(), 600, 1);
    });
}

#[test]
fn a_drainer_killed_after_publishing_repeats_the_same_ids_and_keeps_the_order() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 3).await;
        for round in 1..=3 {
            for id in 1..=3 {
                rename(&mut session, id, &round.to_string()).await;
            }
        }
        world.topic.swallow_answers();
        let drainer = world.drainer.clone();
        let killed =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        world.topic.arrival().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        assert_eq!(pending(&mut session).await, 9, "published, but not settled");

        world.topic.recover();
        no_lock_is_held(&mut session).await;
        assert_eq!(world.sweep().await.unwrap().published, 9);
        assert_eq!(
            world.topic.repeated(),
            3,
            "the topic dropped what it already had"
        );
        assert_each_in_order(&world.topic.taken(), 3, 3);
    });
}

#[test]
fn a_database_that_goes_away_is_an_error_and_loses_nothing() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        rename(&mut session, 1, "1").await;
        world.topic.swallow_answers();
        let drainer = world.drainer.clone();
        let drain =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        world.topic.arrival().await;
        execute(
            &mut world.database.observer().await,
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name like 'wagrun%'",
        )
        .await;
        let error = drain.await.unwrap().unwrap_err();
        assert!(
            matches!(error, DrainError::Outbox(_) | DrainError::Settle(_)),
            "{error}"
        );
        assert_eq!(pending(&mut session).await, 1);
        world.topic.recover();
        world.sweep().await.unwrap();
        assert_each_in_order(&world.topic.taken(), 1, 1);
    });
}

#[test]
fn drainers_beside_each_other_while_content_changes_lose_nothing_and_keep_every_order() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 8).await;
        let mut writers = Vec::new();
        for id in 1..=8 {
            let mut session = world.database.connect().await;
            let drainer = world.drainer.clone();
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
        // No sweep at the end: whoever found the lock taken must have been served by its holder.
        assert_eq!(pending(&mut session).await, 0);
        assert_each_in_order(&world.topic.taken(), 8, 10);
    });
}

#[test]
fn hundreds_of_refused_objects_in_front_do_not_keep_the_others() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1_100).await;
        execute(
            &mut session,
            "update blog_author set name = case when id <= 1000 then 'poison' else 'fine' end",
        )
        .await;
        world.topic.refuse(|event| title(event) == "poison");
        let error = world.sweep().await.unwrap_err();
        assert!(
            matches!(error, DrainError::Refused { count: 1_000, .. }),
            "{error}"
        );
        assert_eq!(world.titles().len(), 100);
    });
}

#[test]
fn what_the_topic_refuses_three_times_is_set_apart_and_holds_back_nothing_more() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        rename(&mut session, 1, "poison").await;
        rename(&mut session, 1, "later").await;
        world.topic.refuse(|event| title(event) == "poison");
        for _ in 0..3 {
            world.sweep().await.unwrap_err();
        }
        assert_eq!(world.sweep().await.unwrap().published, 1);
        assert_eq!(world.titles(), pairs(&[("blog.author/1", "later")]));
        let (id, reason): (Uuid, String) = sqlx::query_as(
            "select id, last_error from wagrun.event where set_apart_at is not null and settled_at is null",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(reason, "InvalidParameter: not this one");

        // The operator's commands of the runbook.
        world.topic.recover();
        let answer = world.ask(json!({"retry": id.to_string()})).await.unwrap();
        assert_eq!((answer.retried, answer.published), (1, 1));
        let events = world.topic.taken();
        assert_eq!(events[1].id, id);
        assert!(
            events[1].sequence < events[0].sequence,
            "it is old news by its number"
        );
        let error = world.ask(json!({"discard": id.to_string()})).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            format!("no event {id} is set apart")
        );
    });
}

/// Has whoever removes history wait until the table `released` has a row, and so keep the drain lock after its last claim.
async fn hold_at_the_end(session: &mut PgConnection) {
    execute(
        session,
        "create table released (at timestamptz);\n\
         create function wait_for_release() returns trigger language plpgsql security definer as $$ begin
             while not exists (select from public.released) loop perform pg_sleep(0.005) ; end loop ; return old ; end $$;\n\
         create trigger hold before delete on wagrun.event for each row execute function wait_for_release()",
    )
    .await;
    rename(session, 1, "old").await;
}

/// Holder: last claim. Editor: commit. Other drainer: finds the lock taken, and one that stands by; leaves. Holder: unlock.
#[test]
fn what_is_committed_when_the_holder_has_looked_for_the_last_time_is_seen_after_the_unlock() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        hold_at_the_end(&mut session).await;
        world.sweep().await.unwrap();
        execute(
            &mut session,
            "update wagrun.event set settled_at = now() - interval '31 days'",
        )
        .await;
        // Somebody stands by, so that the late one leaves.
        let mut keeper = world.database.connect().await;
        stand_by(&mut keeper).await;
        rename(&mut session, 1, "first").await;
        let drainer = world.drainer.clone();
        let holder =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = world.database.observer().await;
        until(
            &mut observer,
            "select exists (select from pg_stat_activity where datname = current_database()
                and state = 'active' and query like 'delete from wagrun.event%')",
        )
        .await;

        rename(&mut session, 2, "second").await;
        let late = world.sweep().await.unwrap();
        assert!(late.another_drainer && late.published == 0, "{late:?}");
        execute(&mut session, "insert into released values (now())").await;
        assert_eq!(holder.await.unwrap().unwrap().published, 2);
        assert_eq!(pending(&mut session).await, 0);
    });
}

/// Holder: publishes. Editor: commit. Other drainer: finds the lock taken and stands by. Holder: killed.
#[test]
fn who_stands_by_takes_over_when_the_holder_of_the_lock_dies() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        rename(&mut session, 1, "first").await;
        world.topic.swallow_answers();
        let drainer = world.drainer.clone();
        let holder =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        world.topic.arrival().await;
        world.topic.recover();

        rename(&mut session, 2, "second").await;
        let drainer = world.drainer.clone();
        let stands_by =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = world.database.observer().await;
        until(
            &mut observer,
            "select exists (select from pg_locks where locktype = 'advisory' and granted and objid = x'756e0005'::bigint
                and database = (select oid from pg_database where datname = current_database()))",
        )
        .await;
        holder.abort();
        assert!(holder.await.unwrap_err().is_cancelled());
        assert_eq!(stands_by.await.unwrap().unwrap().published, 2);
        assert_eq!(pending(&mut session).await, 0);
    });
}

/// Two transactions may change different rows of one page without waiting for each other.
#[test]
fn what_was_numbered_and_refused_leaves_before_what_was_captured_earlier_and_committed_later() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        pages(&mut session, 1).await;
        let mut slow = world.database.connect().await;
        execute(&mut slow, "begin; update blog_blogpage set intro = 'slow'").await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'quick' where slug = 'p1'",
        )
        .await;
        world.topic.refuse(|_| true);
        world.sweep().await.unwrap_err();
        execute(&mut slow, "commit").await;
        world.topic.recover();
        assert_eq!(world.sweep().await.unwrap().published, 2);
        let changed: Vec<_> = world
            .topic
            .taken()
            .iter()
            .map(|event| (event.sequence.clone(), event.data["changed"].clone()))
            .collect();
        assert_eq!(
            (&changed[0].1, &changed[1].1),
            (&json!(["title"]), &json!(["intro"]))
        );
        assert!(changed[0].0 < changed[1].0);
    });
}
