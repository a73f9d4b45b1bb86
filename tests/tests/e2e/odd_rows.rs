//! Rows that are hard to capture, to read or to publish: the save stands, the event says what is known, and everything else
//! goes on.

use serde_json::{Value, json};
use sqlx::PgConnection;
use wagrun::schema::{self, WatchedTable};

use crate::databases::{claim_everything, execute, run, snippet_table, soon};
use crate::relayed_site::RelayedSite;

/// A snippet's table of the test's own, with every column captured.
async fn watch(session: &mut PgConnection, table: &str, columns: &str) {
    execute(session, &format!("create table {table} ({columns})")).await;
    let watched = snippet_table(table, &format!("shop.{table}"));
    schema::watch(session, &[watched], soon()).await.unwrap();
}

#[test]
fn whatever_a_column_holds_the_save_stands_and_its_event_comes() {
    run(async {
        // A column's type, what it holds, and how the event shows it.
        for (column, value, shown) in [
            ("json", r#"'{"a": 1e200000}'"#, json!(r#"{"a": 1e200000}"#)),
            ("json", r#"'{"a": "\u0000"}'"#, json!(r#"{"a": "\u0000"}"#)),
            ("json", r#"'{"a": "\ud800"}'"#, json!(r#"{"a": "\ud800"}"#)),
            ("numeric", "'NaN'", json!("NaN")),
            ("double precision", "'-Infinity'", json!("-Infinity")),
            ("timestamptz", "'infinity'", json!("infinity")),
            ("bytea", r"'\x00ff'", json!(r"\x00ff")),
            ("int[]", "'{1,2}'", json!([1, 2])),
            ("int4range", "'[1,5)'", json!("[1,5)")),
            ("interval", "'1 month'", json!("1 mon")),
        ] {
            let site = RelayedSite::new().await;
            let mut session = site.database.connect().await;
            watch(
                &mut session,
                "note",
                &format!("id int primary key, value {column}, title text"),
            )
            .await;
            execute(
                &mut session,
                &format!("insert into note values (1, {value}, 'Note')"),
            )
            .await;
            execute(&mut session, "update note set title = 'Changed'").await;
            assert_eq!(site.sweep().await.unwrap().published, 2, "{column} {value}");
            let event = &site.events("shop.note/1")[1];
            assert_eq!(event.data["fields"]["value"], shown, "{column} {value}");
            assert_eq!(event.data["changed"], json!(["title"]), "{column} {value}");
        }
    });
}

/// PostgreSQL asks a type's own cast for its JSON, and that may fail.
#[test]
fn a_column_whose_cast_to_json_fails_comes_as_its_text() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create type mood as enum ('good');\n\
             create function mood_to_json(mood) returns json language plpgsql as $$ begin raise 'never' ; end $$;\n\
             create cast (mood as json) with function mood_to_json(mood)",
        )
        .await;
        watch(
            &mut session,
            "note",
            "id int primary key, value mood, title text",
        )
        .await;
        execute(&mut session, "insert into note values (1, 'good', 'Note')").await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        let event = &site.events("shop.note/1")[0];
        assert_eq!(event.data["title"], "Note");
        assert_eq!(event.data["fields"]["value"], "good");
    });
}

#[test]
fn a_key_of_any_length_is_captured() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch(&mut session, "note", "id text, title text").await;
        execute(
            &mut session,
            "insert into note select string_agg(md5(n::text), ''), 'Long' from generate_series(1, 500) as n",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        assert_eq!(
            site.topic.taken()[0].data["id"].as_str().unwrap().len(),
            16_000
        );
    });
}

#[test]
fn a_key_column_that_was_renamed_is_found_until_migrate_looks_again() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table note (id int primary key, title text);\n\
             create table line (id serial primary key, note_id int, body text)",
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
        schema::watch(&mut session, &[note, lines], soon())
            .await
            .unwrap();
        execute(
            &mut session,
            "alter table note rename column id to number;\n\
             alter table line rename column note_id to note_number;\n\
             insert into note values (7, 'Renamed')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        assert_eq!(site.events("shop.note/7")[0].data["title"], "Renamed");
        execute(
            &mut session,
            "insert into line (note_number, body) values (7, 'A line')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        let event = &site.events("shop.note/7")[1];
        assert_eq!(event.data["changed"], json!(["lines"]));
        assert_eq!(event.data["title"], "Renamed");
    });
}

#[test]
fn what_names_no_object_is_set_apart_and_everything_else_goes_on() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table note (id int primary key, title text)",
        )
        .await;
        let tables = [
            snippet_table("note", "shop.note"),
            snippet_table("blog_author", "blog.author"),
        ];
        schema::watch(&mut session, &tables, soon()).await.unwrap();
        execute(
            &mut session,
            "insert into note values (1, 'Before');\n\
             alter table note drop column id;\n\
             update note set title = 'Nameless';\n\
             insert into blog_author (name, bio) values ('Fine', '')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let (object, reason): (String, String) = sqlx::query_as(
            "select object, last_error from wagrun.event where set_apart_at is not null",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(object, "shop.note/?");
        assert_eq!(reason, "column id with the object's key is gone");
        assert!(
            site.database
                .server_log()
                .contains("wagrun capture of a row of public.note failed: column id")
        );
    });
}

#[test]
fn a_value_that_is_nested_too_deeply_leaves_its_event_incomplete_and_stops_nothing() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch(
            &mut session,
            "note",
            "id int primary key, title text, deep jsonb",
        )
        .await;
        execute(
            &mut session,
            "insert into note values (1, 'Deep', (repeat('[', 200) || repeat(']', 200))::jsonb), (2, 'Flat', '[]')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let deep = &site.events("shop.note/1")[0].data;
        assert_eq!(
            (&deep["title"], &deep["fields"]["deep"]),
            (&json!("Deep"), &Value::Null)
        );
        assert_eq!(deep["incomplete"], true);
        assert_eq!(site.events("shop.note/2")[0].data.get("incomplete"), None);

        // Also mending it, whose state before is as bad, and a snapshot.
        execute(
            &mut session,
            "update note set title = 'Still deep' where id = 1",
        )
        .await;
        execute(&mut session, "update note set deep = '[]' where id = 1").await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let events = site.events("shop.note/1");
        assert_eq!(events[2].data["fields"]["deep"], json!([]));
        execute(
            &mut session,
            "update note set deep = (repeat('[', 200) || repeat(']', 200))::jsonb where id = 2",
        )
        .await;
        let answer = site
            .ask(json!({"snapshot": {"subscriber": "search", "types": ["wagtail.note.*"]}}))
            .await;
        assert_eq!(answer.unwrap().backfilled, 2);
    });
}

#[test]
fn numbers_keep_their_digits_and_text_keys_stay_texts() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch(
            &mut session,
            "price",
            "id varchar(10) primary key, amount numeric",
        )
        .await;
        let many = "12345678901234567890.123456789";
        execute(
            &mut session,
            &format!("insert into price values ('0042', 1.00), ('42', {many})"),
        )
        .await;
        execute(
            &mut session,
            &format!("update price set amount = {many}1 where id = '42'"),
        )
        .await;
        assert_eq!(
            site.sweep().await.unwrap().published,
            3,
            "the last digit is a change"
        );
        let padded = &site.events("shop.price/0042")[0];
        assert_eq!(padded.data["id"], "0042");
        assert_eq!(padded.data["fields"]["amount"].to_string(), "1.00");
        let plain = site.events("shop.price/42");
        assert_eq!(plain[0].data["id"], "42");
        assert_eq!(
            plain[1].data["fields"]["amount"].to_string(),
            format!("{many}1")
        );
        assert_eq!(plain[1].data["previous"]["amount"].to_string(), many);
    });
}

/// A batch is bounded by bytes as well: what memory holds.
#[test]
fn large_rows_are_read_a_few_at_a_time() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch(&mut session, "note", "id int primary key, title text").await;
        execute(
            &mut session,
            "insert into note select n, repeat(md5(n::text), 10000) from generate_series(1, 60) as n",
        )
        .await;
        claim_everything(&mut session).await;
        let names = wagrun::outbox::FieldNames::load(&mut session)
            .await
            .unwrap();
        let batch = wagrun::outbox::pending(&mut session, 0, &names)
            .await
            .unwrap();
        assert!(
            (20..35).contains(&batch.len()),
            "{} rows of 320 kB",
            batch.len()
        );
        assert_eq!(site.sweep().await.unwrap().published, 60);
        assert_eq!(site.events("shop.note/60")[0].data["truncated"], true);
    });
}

/// Row level security that binds the owner too hides the object's row from whoever reads its state.
#[test]
fn a_part_s_change_is_told_although_row_security_hides_its_object() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "alter table wagtailcore_page enable row level security;\n\
             alter table wagtailcore_page force row level security;\n\
             update blog_blogindexpage set intro = 'hidden';\n\
             update home_homepage set introduction = 'hidden' where page_ptr_id = 3",
        )
        .await;
        site.sweep().await.unwrap();
        let event = &site.events("page/3")[0];
        assert_eq!(event.kind, "wagtail.page.updated");
        assert_eq!(event.data["changed"], json!(["introduction"]));
        assert_eq!(
            (&event.data["id"], &event.data["incomplete"]),
            (&json!(3), &json!(true))
        );
    });
}

/// A column may have the name of anything that the triggers call their own.
#[test]
fn columns_of_any_name_are_captured_and_shown() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        let names = [
            "part",
            "own_row",
            "chosen",
            "whole",
            "image",
            "new_rows",
            "old_rows",
            "key_column",
            "parents",
            "failure",
            "gone",
            "state",
            "names",
            "withheld",
            "Odd \"Name\"",
            "ключ",
        ];
        let columns: Vec<String> = names
            .iter()
            .map(|name| format!("\"{}\" int default 1", name.replace('"', "\"\"")))
            .collect();
        let columns = columns.join(", ");
        execute(
            &mut session,
            &format!(
                "create table note (id int primary key, {columns});\n\
                 create table line (line_id serial primary key, note_id int, {columns})"
            ),
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
        schema::watch(&mut session, &[note, lines], soon())
            .await
            .unwrap();
        execute(
            &mut session,
            "insert into note (id) values (1);\n\
             insert into line (note_id) values (1);\n\
             update line set part = 2;\n\
             update note set \"Odd \"\"Name\"\"\" = 7;\n\
             truncate line",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 5);
        execute(&mut session, "truncate note").await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        let events = site.events("shop.note/1");
        assert_eq!(events[2].data["changed"], json!(["lines"]));
        assert_eq!(events[2].data["fields"]["part"], 1, "the note's own");
        assert_eq!(events[3].data["fields"]["Odd \"Name\""], 7);
        assert_eq!(events[5].kind, "wagtail.note.deleted");
    });
}

/// All columns together may be more than jsonb holds.
#[test]
fn a_row_that_is_too_large_to_be_captured_whole_breaks_no_save() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch(
            &mut session,
            "note",
            "id int primary key, title varchar(10), a text, b text, c text",
        )
        .await;
        execute(
            &mut session,
            "insert into note select 1, 'Large', repeat('x', 100000000), repeat('y', 100000000), repeat('z', 100000000)",
        )
        .await;
        let captured: String = sqlx::query_scalar(
            "select after ->> 'title' from wagrun.outbox where object = 'shop.note/1'",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(captured, "Large");
        assert!(
            site.database
                .server_log()
                .contains("wagrun capture of column c of public.note failed")
        );
    });
}

/// One object whose state can't be read does not keep those of the others.
#[test]
fn a_part_with_a_key_of_another_type_leaves_its_own_event_incomplete() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table note (id int primary key, title text);\n\
             create table extra (note_id text primary key, more int)",
        )
        .await;
        let note = snippet_table("note", "shop.note");
        let extra = WatchedTable {
            table: "extra".to_owned(),
            key_column: "note_id".to_owned(),
            root: Some("note".to_owned()),
            ..note.clone()
        };
        schema::watch(&mut session, &[note, extra], soon())
            .await
            .unwrap();
        execute(
            &mut session,
            "begin; set local wagrun.capture = 'off'; insert into note values (1, 'One'); commit;\n\
             insert into extra values ('not a number', 1), ('1', 1)",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let whole = &site.events("shop.note/1")[0].data;
        // The link is a text and the key a number, so that only the part's own columns could not be joined.
        assert_eq!(whole["id"], "1");
        let odd = &site.events("shop.note/not a number")[0].data;
        assert_eq!(odd["incomplete"], true);
    });
}

#[test]
fn an_event_that_is_larger_than_the_topic_takes_is_set_apart() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch(&mut session, "note", "id text, title text").await;
        execute(
            &mut session,
            "insert into note values (repeat('k', 150000), 'Large'), ('small', 'Small')",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        let reason: String = sqlx::query_scalar(
            "select last_error from wagrun.event where set_apart_at is not null",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert!(
            reason.contains("bytes, and the topic takes 245760 at the most"),
            "{reason}"
        );
    });
}
