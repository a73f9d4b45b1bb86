//! Children of children, and rows that several kinds of objects share.

use serde_json::json;
use sqlx::PgConnection;
use wagrun_database::schema::{self, Owner, ParentTable, WatchedTable};

use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::execute;
use crate::support::watched_tables::snippet_table;

/// Watches `note`, its children `line`, their children `word` by a text, and the children `letter` of these.
async fn watch_notes_and_words(session: &mut PgConnection) {
    execute(
        session,
        "create table note (id uuid primary key, title text);\n\
         create table line (id serial primary key, note_id uuid references note on delete cascade, name text unique);\n\
         create table word (id serial primary key, line text references line (name) on delete cascade deferrable initially deferred,
                            text text);\n\
         create table letter (id serial primary key, word_id int references word on delete cascade)",
    )
    .await;
    let note = snippet_table("note", "shop.note");
    let lines = WatchedTable {
        table: "line".to_owned(),
        key_column: "note_id".to_owned(),
        root: Some("note".to_owned()),
        collection: Some("lines".to_owned()),
        ..note.clone()
    };
    let above_word = ParentTable {
        table: "line".to_owned(),
        key_column: "name".to_owned(),
        link_column: "note_id".to_owned(),
    };
    let above_letter = ParentTable {
        table: "word".to_owned(),
        key_column: "id".to_owned(),
        link_column: "line".to_owned(),
    };
    let words = WatchedTable {
        table: "word".to_owned(),
        key_column: "line".to_owned(),
        parents: vec![above_word.clone()],
        ..lines.clone()
    };
    let letters = WatchedTable {
        table: "letter".to_owned(),
        key_column: "word_id".to_owned(),
        parents: vec![above_letter, above_word],
        ..lines.clone()
    };
    schema::watch_tables(session, &[note, lines, words, letters], in_a_minute())
        .await
        .unwrap();
}

const NOTE: &str = "6b0e9be0-3b6e-4b6c-8a57-0f6a4a1f7f00";

#[test]
fn a_change_of_a_child_of_a_child_is_a_change_of_the_object() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_notes_and_words(&mut session).await;
        let subject = format!("shop.note/{NOTE}");
        execute(
            &mut session,
            &format!("insert into note values ('{NOTE}', 'Note')"),
        )
        .await;
        site.sweep().await.unwrap();
        for (statements, count) in [
            // The word is there before its line, and the database itself deletes it with the line.
            (
                format!(
                    "begin; insert into word values (1, 'a', 'w'); insert into line values (1, '{NOTE}', 'a'); commit"
                ),
                1,
            ),
            ("update word set text = 'v'".to_owned(), 1),
            (
                "begin; update word set text = 'u'; update word set text = 'v'; commit".to_owned(),
                0,
            ),
            ("insert into letter values (1, 1)".to_owned(), 1),
            ("insert into letter values (2, null)".to_owned(), 0),
            ("truncate letter".to_owned(), 1),
            ("delete from line".to_owned(), 1),
        ] {
            let seen = site.topic.accepted().len();
            execute(&mut session, &statements).await;
            site.sweep().await.unwrap();
            let events = site.topic.accepted();
            assert_eq!(events.len() - seen, count, "{statements}");
            for event in &events[seen..] {
                assert_eq!(event.subject, subject, "{statements}");
                assert_eq!(event.data["changed"], json!(["lines"]), "{statements}");
                assert_eq!(event.data["title"], "Note");
            }
        }
        let set_apart: i64 =
            sqlx::query_scalar("select count(*) from wagrun.event where set_apart_at is not null")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!(set_apart, 0);
    });
}

/// A table between may be gone before migrate runs again. The save must go on, and the change is recorded as one without an object.
#[test]
fn a_child_of_a_child_whose_parents_cannot_be_read_is_saved_and_set_apart() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_notes_and_words(&mut session).await;
        execute(
            &mut session,
            "alter table line rename to verse;\ninsert into word values (1, null, 'w'), (2, null, 'w')",
        )
        .await;
        let events: Vec<String> =
            sqlx::query_scalar("select failure from wagrun.outbox where failure is not null")
                .fetch_all(&mut session)
                .await
                .unwrap();
        assert_eq!(events, [r#"relation "public.line" does not exist"#]);
    });
}

#[test]
fn a_shared_row_belongs_to_the_object_that_its_content_type_names() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table note (id int primary key, title text);\n\
             create table tag (id serial primary key, kind int, object_id int, tag text)",
        )
        .await;
        let note = snippet_table("note", "shop.note");
        let author = snippet_table("blog_author", "blog.author");
        let owner = |table: &WatchedTable| Owner {
            object: table.object.clone(),
            kind: table.kind,
            model: table.model.clone(),
            collection: "tags".to_owned(),
        };
        let owners = [("7", owner(&note)), ("8", owner(&author))];
        let tags = WatchedTable {
            key_column: "object_id".to_owned(),
            collection: Some("tags".to_owned()),
            owners: Some(owners.map(|(id, owner)| (id.to_owned(), owner)).into()),
            owner_type: Some("kind".to_owned()),
            ignored: vec!["id".to_owned()],
            ..snippet_table("tag", "shop.tag")
        };
        schema::watch_tables(&mut session, &[note, author, tags], in_a_minute())
            .await
            .unwrap();
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; insert into note values (1, 'Note');
             insert into blog_author (id, name, bio) values (1, 'Author', ''); commit;\n\
             insert into tag (kind, object_id, tag) values (7, 1, 'a'), (8, 1, 'a'), (9, 1, 'a');\n\
             begin; delete from tag; insert into tag (kind, object_id, tag) values (8, 1, 'a'), (7, 1, 'a'); commit;\n\
             update tag set kind = 8, tag = 'b' where kind = 7",
        )
        .await;
        site.sweep().await.unwrap();
        let mut titles: Vec<(String, String)> = site
            .topic
            .accepted()
            .iter()
            .map(|event| {
                assert_eq!(event.data["changed"], json!(["tags"]));
                (event.subject.clone(), event.data["title"].to_string())
            })
            .collect();
        titles.sort();
        let expected = [("blog.author/1", "\"Author\""), ("shop.note/1", "\"Note\"")];
        let expected: Vec<(String, String)> = expected
            .iter()
            .flat_map(|(subject, title)| vec![((*subject).to_owned(), (*title).to_owned()); 2])
            .collect();
        assert_eq!(titles, expected);
    });
}
