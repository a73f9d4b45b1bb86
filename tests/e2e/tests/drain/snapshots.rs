//! Snapshots: everything watched as it is now, behind the live events and never with an older state than theirs.

use std::collections::BTreeMap;

use super::*;

fn snapshot() -> Value {
    json!({"snapshot": {"subscriber": "search"}})
}

async fn open(world: &World, payload: &Value) -> Uuid {
    let wake = Invocation::parse(payload).unwrap();
    let answer = world.drainer.run(&wake, Instant::now()).await.unwrap();
    answer.backfill.unwrap().id
}

fn subjects(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.subject.as_str()).collect()
}

/// How many events each type has.
fn types(events: &[Event]) -> BTreeMap<String, usize> {
    let mut types = BTreeMap::new();
    for event in events {
        *types.entry(event.kind.clone()).or_default() += 1;
    }
    types
}

fn watched(table: &str) -> WatchedTable {
    snippet_table(table, &format!("shop.{table}"))
}

#[test]
fn everything_watched_is_shown_once_to_the_one_who_asked() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 230).await;
        pages(&mut session, 120).await;
        let answer = world.ask(snapshot()).await.unwrap();
        let run = answer.backfill.unwrap();
        assert!(run.finished);
        let taken = world.topic.taken();
        assert_eq!((answer.published, answer.backfilled), (0, taken.len()));
        // Wagtail's own root and the front page, the blog and its posts.
        assert_eq!(
            types(&taken),
            BTreeMap::from([
                ("wagtail.author.snapshot".to_owned(), 230),
                ("wagtail.page.snapshot".to_owned(), 2 + 120),
            ])
        );
        let mut unique = subjects(&taken);
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), taken.len());
        assert!(taken.iter().all(|event| {
            event.subscriber.as_deref() == Some("search")
                && event.backfill == Some(run.id)
                && !event.replayed
                && event.data["changed"] == json!([])
                && event.data["previous"] == json!({})
                && event.data["editor"] == Value::Null
        }));

        let post = taken
            .iter()
            .find(|event| event.data.get("slug") == Some(&json!("p7")))
            .unwrap();
        let mut data = post.data.clone();
        data.remove("id");
        assert_eq!(
            Value::Object(data),
            json!({
                "content_type": "blog.blogpage", "locale": "en", "editor": null, "title": "Post 7", "slug": "p7",
                "url_path": "/home/blog/p7/", "live": true, "first_published_at": null, "last_published_at": null,
                "latest_revision": null, "live_revision": null, "url": "http://localhost/blog/p7/",
                "changed": [], "previous": {},
            })
        );
        assert_eq!(post.source, "/wagrun/test");
        let author = &taken
            .iter()
            .find(|event| event.subject == "blog.author/1")
            .unwrap()
            .data;
        assert_eq!(author["fields"], json!({"name": "author"}));
    });
}

#[test]
fn subtree_content_type_and_type_choose() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 2).await;
        pages(&mut session, 2).await;
        let posts = ("wagtail.page.snapshot".to_owned(), 2);
        let author = ("wagtail.author.snapshot".to_owned(), 2);
        let cases = [
            (json!({"under": "/blog/"}), vec![posts.clone()]),
            (
                json!({"content_types": ["blog.BlogPage"]}),
                vec![posts.clone()],
            ),
            (
                json!({"content_types": ["blog.*"]}),
                vec![author.clone(), posts],
            ),
            (json!({"types": ["wagtail.author.*"]}), vec![author]),
            (json!({"under": "/nowhere/"}), vec![]),
        ];
        for (mut chosen, expected) in cases {
            chosen["subscriber"] = json!("search");
            let answer = world.ask(json!({"snapshot": chosen})).await.unwrap();
            let run = answer.backfill.unwrap();
            assert!(run.finished);
            let mut shown = world.backfilled();
            shown.retain(|event| event.backfill == Some(run.id));
            assert_eq!(
                types(&shown).into_iter().collect::<Vec<_>>(),
                expected,
                "{chosen}"
            );
        }
    });
}

/// The state must be that which a live event of a new object would carry, its parts' columns included.
#[test]
fn the_relay_role_sees_of_an_object_what_capture_would_write() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        execute(&mut session, "begin").await;
        captured_pages(&mut session, 2).await;
        execute(&mut session, "commit").await;
        let captured: Vec<Value> = sqlx::query_scalar(
            "select wagrun.merged(after order by is_own_row) from wagrun.outbox where object like 'page/%'
             group by object order by object",
        )
        .fetch_all(&mut session)
        .await
        .unwrap();
        assert_eq!(captured[0]["date"], "2026-01-01", "a part's column");
        assert_eq!(captured[0].get("body"), None, "withheld");

        let mut relay = world.database.connect_as(RELAY).await;
        let present: Vec<Value> = sqlx::query_scalar(
            "select state from wagrun.present_state('wagtailcore.page', '3', 100)",
        )
        .fetch_all(&mut relay)
        .await
        .unwrap();
        assert_eq!(present, captured);
        let error = sqlx::query("select wagrun.present_state('auth.user', null, 100)")
            .fetch_optional(&mut relay)
            .await
            .unwrap();
        assert!(error.is_none(), "what is not watched is not there");
    });
}

#[test]
fn keys_of_any_type_are_gone_through_slice_by_slice() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        execute(
            &mut session,
            r#"create table note (id text primary key, title text);
               create table token (id uuid primary key, title varchar(20), settings json);
               create table moment (id timestamptz primary key);
               insert into note select chr(33 + n % 90) || ' ä''"\/' || n, 'Note' from generate_series(1, 130) as n;
               insert into token select gen_random_uuid(), 'Token', '{"text": "\u0000"}' from generate_series(1, 130);
               insert into moment select '2026-11-21T00:00:00.000001Z'::timestamptz + n * interval '1.5 ms'
               from generate_series(1, 130) as n"#,
        )
        .await;
        let tables = ["note", "token", "moment"].map(watched);
        schema::watch_tables(&mut session, &tables, soon())
            .await
            .unwrap();
        assert!(
            world
                .ask(snapshot())
                .await
                .unwrap()
                .backfill
                .unwrap()
                .finished
        );
        let taken = world.topic.taken();
        let mut shown: Vec<String> = taken.iter().map(|event| event.subject.clone()).collect();
        shown.sort_unstable();
        // As capture names them.
        let mut expected: Vec<String> = sqlx::query_scalar(
            "with watched as (
                 select 'note' as name, to_jsonb(note) as state from note
                 union all select 'token', jsonb_build_object('id', id) from token
                 union all select 'moment', to_jsonb(moment) from moment)
             select 'shop.' || name || '/' || (state ->> 'id') from watched",
        )
        .fetch_all(&mut session)
        .await
        .unwrap();
        expected.sort_unstable();
        // The server's own zone is UTC, as the functions' is.
        assert_eq!(shown, expected);
        let token = taken
            .iter()
            .find(|event| event.data["title"] == "Token")
            .unwrap();
        assert_eq!(
            token.data["fields"]["settings"],
            json!(r#"{"text": "\u0000"}"#)
        );
    });
}

#[test]
fn a_table_that_is_dropped_or_loses_a_column_under_the_run_is_passed_by() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        execute(
            &mut session,
            "create table apple (id integer primary key, colour text, weight integer);
             create table pear (id integer primary key);
             create table quince (id integer primary key);
             insert into apple select n, 'red', n from generate_series(1, 250) as n;
             insert into pear select n from generate_series(1, 250) as n;
             insert into quince select n from generate_series(1, 20) as n",
        )
        .await;
        let tables = ["apple", "pear", "quince"].map(watched);
        schema::watch_tables(&mut session, &tables, soon())
            .await
            .unwrap();
        open(&world, &snapshot()).await;
        world.slice().await;
        execute(
            &mut session,
            "alter table apple drop column weight; drop table pear",
        )
        .await;
        assert_eq!(world.sweep().await.unwrap().backfilled, 150 + 20);
        let taken = world.topic.taken();
        let weighed = |event: &Event| event.data["fields"].get("weight").is_some();
        assert!(taken[..100].iter().all(weighed));
        assert!(
            taken[100..250]
                .iter()
                .all(|event| event.data["fields"] == json!({"colour": "red"}))
        );
        // Of a slice, independent objects leave in several calls at once.
        assert!(
            taken[250..]
                .iter()
                .all(|event| event.subject.starts_with("shop.quince/"))
        );
    });
}

#[test]
fn a_key_column_that_is_gone_stops_its_run_alone_until_migrate_has_looked() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        execute(
            &mut session,
            "create table apple (id integer); insert into apple values (1)",
        )
        .await;
        let apples = watched("apple");
        schema::watch_tables(&mut session, &[apples.clone(), author_table()], soon())
            .await
            .unwrap();
        open(&world, &snapshot()).await;
        let authors = json!({"snapshot": {"subscriber": "other", "types": ["wagtail.author.*"]}});
        open(&world, &authors).await;
        execute(
            &mut session,
            "alter table apple drop column id;\n\
             alter table apple add column number integer default 1",
        )
        .await;
        rename(&mut session, 1, "live").await;
        let error = world.sweep().await.unwrap_err().to_string();
        assert!(
            error.contains("cannot go on") && error.contains("column wagrun_row.id does not exist"),
            "{error}"
        );
        let titles: Vec<_> = world.topic.taken().iter().map(title).collect();
        assert_eq!(
            titles,
            ["live", "live", "live"],
            "itself and both snapshots"
        );

        let renamed = WatchedTable {
            key_column: "number".to_owned(),
            ..apples
        };
        schema::watch_tables(&mut session, &[renamed, author_table()], soon())
            .await
            .unwrap();
        assert_eq!(world.sweep().await.unwrap().backfilled, 1);
        assert_eq!(world.topic.taken()[3].subject, "shop.apple/1");
    });
}

#[test]
fn a_model_that_can_not_be_read_is_left_out_at_the_third_time_and_the_others_are_shown() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        execute(&mut session, "create table apple (id integer)").await;
        // In order of labels, the apples come before the authors.
        let apples = snippet_table("apple", "aaa.apple");
        schema::watch_tables(&mut session, &[apples, author_table()], soon())
            .await
            .unwrap();
        execute(&mut session, "alter table apple drop column id").await;
        open(&world, &snapshot()).await;
        for _ in 0..3 {
            world.sweep().await.unwrap_err();
        }
        assert_eq!(subjects(&world.topic.taken()), ["blog.author/1"]);
        let answer = world.sweep().await.unwrap();
        assert_eq!(answer.backfilled, 0, "the run is done");
        let reason: String =
            sqlx::query_scalar("select last_error from wagrun.backfill where outcome = 'done'")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert!(
            reason.contains("column wagrun_row.id does not exist"),
            "{reason}"
        );
    });
}

#[test]
fn a_live_change_between_slices_has_the_last_word() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 250).await;
        open(&world, &snapshot()).await;
        world.slice().await;
        // One that was shown, and one that will be.
        rename(&mut session, 1, "later").await;
        rename(&mut session, 249, "later").await;
        world.sweep().await.unwrap();
        let of = |subject: &str| -> Vec<(String, String)> {
            let mut events = world.topic.taken();
            events.retain(|event| event.subject == subject);
            assert!(
                events
                    .windows(2)
                    .all(|pair| pair[0].sequence < pair[1].sequence),
                "{events:?}"
            );
            let seen = events
                .iter()
                .map(|event| (event.kind.clone(), title(event)));
            seen.collect()
        };
        let (shown, updated) = ("wagtail.author.snapshot", "wagtail.author.updated");
        assert_eq!(
            of("blog.author/1"),
            pairs(&[(shown, "author"), (updated, "later")])
        );
        assert_eq!(
            of("blog.author/249"),
            pairs(&[(updated, "later"), (shown, "later")])
        );
    });
}

/// A slice is one moment: what is committed while it is read is not in it, and comes after it.
#[test]
fn commits_during_a_slice_follow_it_with_their_own_states() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        pages(&mut session, 1).await;
        execute(
            &mut session,
            "alter function wagrun.present_state set lock_timeout = '1min'",
        )
        .await;
        // The slice waits at a part of the page, while the page's own row can be changed.
        let mut keeper = world.database.connect().await;
        execute(&mut keeper, "begin; lock table blog_blogpage").await;
        let drainer = world.drainer.clone();
        let wake = Invocation::parse(&snapshot()).unwrap();
        let slice = tokio::spawn(async move { drainer.run(&wake, in_a_minute()).await });
        until(
            &mut world.database.observer().await,
            "select exists (select from pg_stat_activity where datname = current_database()
                and wait_event_type = 'Lock' and application_name like 'wagrun%')",
        )
        .await;
        stand_by(&mut keeper).await;
        for name in ["first", "second"] {
            let retitle = format!("update wagtailcore_page set title = '{name}' where slug = 'p1'");
            execute(&mut session, &retitle).await;
            let late = world.sweep().await.unwrap();
            assert!(late.another_drainer && late.published == 0, "{late:?}");
        }
        execute(&mut keeper, "rollback").await;
        assert_eq!(slice.await.unwrap().unwrap().published, 2);

        let mut events = world.topic.taken();
        events.retain(|event| event.data["slug"] == "p1");
        let titles: Vec<_> = events.iter().map(title).collect();
        assert_eq!(titles, ["Post 1", "first", "second"]);
        assert!(events.is_sorted_by(|one, next| one.sequence < next.sequence));
    });
}

#[test]
fn a_migration_that_holds_a_table_holds_its_backfill_and_no_live_event() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        pages(&mut session, 1).await;
        let mut keeper = world.database.connect().await;
        execute(&mut keeper, "begin; lock table blog_blogpage").await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'live' where slug = 'p1'",
        )
        .await;
        let error = world.ask(snapshot()).await.unwrap_err().to_string();
        assert!(
            error.contains("canceling statement due to lock timeout"),
            "{error}"
        );
        assert_eq!(world.topic.taken().len(), 1);
        execute(&mut keeper, "rollback").await;
        assert_eq!(world.sweep().await.unwrap().backfilled, 3);
    });
}

/// Whatever the interleaving, what a receiver holds of an object never becomes older.
#[test]
fn while_content_changes_no_object_ever_goes_back() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 10).await;
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; update blog_author set name = '0'; commit",
        )
        .await;
        // Few objects and many slices, so that most slices read what is being changed.
        let runs = 20;
        for run in 0..runs {
            let asked = json!({"subscriber": format!("s{run}"), "types": ["wagtail.author.*"]});
            open(&world, &json!({"snapshot": asked})).await;
        }
        let mut tasks = Vec::new();
        for writer in 0..4 {
            let mut session = world.database.connect().await;
            let drainer = world.drainer.clone();
            tasks.push(tokio::spawn(async move {
                while is_open(&mut session).await {
                    for id in [1, 1 + writer, 10] {
                        let increment = format!(
                            "update blog_author set name = (name::integer + 1)::text where id = {id}"
                        );
                        execute(&mut session, &increment).await;
                        // The others' changes are found by whoever looks.
                        if writer < 2 {
                            drainer.run(&Invocation::Sweep, in_a_minute()).await.unwrap();
                        }
                    }
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        world.sweep().await.unwrap();

        let mut held: HashMap<String, (String, i32)> = HashMap::new();
        let mut shown = 0;
        for event in world.topic.taken() {
            let round: i32 = title(&event).parse().unwrap();
            shown += usize::from(event.is_snapshot());
            if let Some((sequence, state)) = held.get(&event.subject) {
                assert!(*sequence < event.sequence, "{event:?}");
                assert!(*state <= round, "{event:?} after {state}");
            }
            held.insert(event.subject, (event.sequence, round));
        }
        assert_eq!(shown, 10 * runs);
        let names: Vec<(i32, String)> = sqlx::query_as("select id::integer, name from blog_author")
            .fetch_all(&mut session)
            .await
            .unwrap();
        for (id, name) in names {
            assert_eq!(held[&format!("blog.author/{id}")].1.to_string(), name);
        }
    });
}

async fn is_open(session: &mut PgConnection) -> bool {
    sqlx::query_scalar("select exists (select from wagrun.backfill where finished_at is null)")
        .fetch_one(session)
        .await
        .unwrap()
}

#[test]
fn an_object_whose_own_event_is_refused_is_shown_when_that_has_left() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 3).await;
        world
            .topic
            .refuse(|event| title(event) == "poison" && event.backfill.is_none());
        rename(&mut session, 2, "poison").await;
        rename(&mut session, 3, "fine").await;
        let error = world.ask(snapshot()).await.unwrap_err();
        assert!(
            matches!(error, DrainError::Refused { count: 1, .. }),
            "{error}"
        );
        assert_eq!(
            subjects(&world.topic.taken()),
            ["blog.author/3", "blog.author/1"],
            "its state would be in front of its own event"
        );
        world.topic.recover();
        let answer = world.sweep().await.unwrap();
        assert_eq!((answer.published, answer.backfilled), (1, 4));
        assert_eq!(
            subjects(&world.topic.taken()),
            [
                "blog.author/3",
                "blog.author/1",
                "blog.author/2",
                "blog.author/2",
                "blog.author/3",
                "page/1",
                "page/3"
            ]
        );
    });
}

#[test]
fn a_crash_repeats_a_slice_under_the_same_ids() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 150).await;
        open(&world, &snapshot()).await;
        world.topic.swallow_answers();
        let drainer = world.drainer.clone();
        let killed =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        world.topic.arrival().await;
        killed.abort();
        assert!(killed.await.unwrap_err().is_cancelled());
        world.topic.recover();
        no_lock_is_held(&mut session).await;

        assert_eq!(world.sweep().await.unwrap().backfilled, 150 + 2);
        assert!(world.topic.repeated() > 0, "the crash came after something");
        let taken = world.topic.taken();
        let mut unique = subjects(&taken);
        unique.sort_unstable();
        unique.dedup();
        assert_eq!((unique.len(), taken.len()), (152, 152));
    });
}

#[test]
fn two_at_once_show_everything_to_both() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 120).await;
        for subscriber in ["search", "mirror"] {
            open(&world, &json!({"snapshot": {"subscriber": subscriber}})).await;
        }
        let beside = [world.drainer.clone(), world.drainer.clone()].map(|drainer| {
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await })
        });
        for task in beside {
            task.await.unwrap().unwrap();
        }
        for subscriber in ["search", "mirror"] {
            let mut shown = world.topic.taken();
            shown.retain(|event| event.subscriber.as_deref() == Some(subscriber));
            assert_eq!(shown.len(), 122, "{subscriber}");
        }
        assert_eq!(world.topic.repeated(), 0);
    });
}

/// Between a deployment's new function and its migrate.
#[test]
fn an_older_schema_has_no_backfills_and_its_live_events_do_not_suffer() {
    run(async {
        let world = World::new().await;
        let mut session = world.database.connect().await;
        authors(&mut session, 1).await;
        for older in [
            format!("revoke all on wagrun.backfill from {RELAY}"),
            "drop table wagrun.backfill".to_owned(),
        ] {
            execute(&mut session, &older).await;
            rename(&mut session, 1, &older.replace('"', "")).await;
            assert_eq!(world.sweep().await.unwrap().published, 1);
        }
    });
}

fn author_table() -> WatchedTable {
    snippet_table("blog_author", "blog.author")
}
