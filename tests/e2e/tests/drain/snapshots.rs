//! Snapshots: every watched object is published as it is now, for one subscriber.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wagrun_database::schema::{self, WatchedTable};
use wagrun_event::Event;

use crate::support::backfills::{snapshot_request, subjects};
use crate::support::drain_fixture::{
    DrainFixture, insert_authors, insert_captured_posts, insert_posts,
};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{RELAY_ROLE, execute};
use crate::support::watched_tables::snippet_table;

/// Returns the number of events of each type.
fn count_by_type(events: &[Event]) -> BTreeMap<String, usize> {
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
fn a_snapshot_sends_every_watched_object_once_to_its_subscriber() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 230).await;
        insert_posts(&mut session, 120).await;
        let answer = fixture.invoke(snapshot_request()).await.unwrap();
        let run = answer.backfill.unwrap();
        assert!(run.finished);
        let taken = fixture.topic.accepted();
        assert_eq!((answer.published, answer.backfilled), (0, taken.len()));
        // The pages are Wagtail's root, the front page and the posts.
        assert_eq!(
            count_by_type(&taken),
            BTreeMap::from([
                ("wagtail.author.snapshot".to_owned(), 230),
                ("wagtail.collection.snapshot".to_owned(), 1),
                ("wagtail.locale.snapshot".to_owned(), 1),
                ("wagtail.page.snapshot".to_owned(), 2 + 120),
                ("wagtail.site.snapshot".to_owned(), 1),
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
                "urls": ["http://localhost/blog/p7/"], "visible_to": "public", "changed": [], "previous": {},
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
fn a_snapshot_is_limited_by_subtree_content_type_and_type() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 2).await;
        insert_posts(&mut session, 2).await;
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
            let answer = fixture.invoke(json!({"snapshot": chosen})).await.unwrap();
            let run = answer.backfill.unwrap();
            assert!(run.finished);
            let mut shown = fixture.backfilled();
            shown.retain(|event| event.backfill == Some(run.id));
            assert_eq!(
                count_by_type(&shown).into_iter().collect::<Vec<_>>(),
                expected,
                "{chosen}"
            );
        }
    });
}

/// The state equals that of a live event of a new object, with the columns of its parts.
#[test]
fn the_relay_role_reads_the_state_that_capture_would_write() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        execute(&mut session, "begin").await;
        insert_captured_posts(&mut session, 2).await;
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

        let mut relay = fixture.database.connect_as(RELAY_ROLE).await;
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
fn a_snapshot_reads_keys_of_any_type_slice_by_slice() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
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
        schema::watch_tables(&mut session, &tables, in_a_minute())
            .await
            .unwrap();
        assert!(
            fixture
                .invoke(snapshot_request())
                .await
                .unwrap()
                .backfill
                .unwrap()
                .finished
        );
        let taken = fixture.topic.accepted();
        let mut shown: Vec<String> = taken.iter().map(|event| event.subject.clone()).collect();
        shown.sort_unstable();
        // Capture names the objects in this way.
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
        // The server's time zone is UTC, as in the functions.
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
