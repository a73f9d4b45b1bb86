//! Rows with values that are hard to capture: the save succeeds, and the event shows the values.

use serde_json::json;

use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::sql::execute;
use crate::support::watched_tables::{watch_notes, watch_snippets};

#[test]
fn whatever_a_column_holds_the_save_succeeds_and_its_event_is_published() {
    run(async {
        // The type of the column, its value, and the value in the event.
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
            watch_snippets(
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

/// PostgreSQL stores every character but U+0000. SNS and SQS refuse some of them, also when they stand in an object's key.
#[test]
fn a_text_with_characters_that_sns_refuses_is_published_as_it_is() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_snippets(&mut session, "note", "id text primary key, title text").await;
        let refused = ["1", "8", "b", "1f", "fffe", "ffff"];
        let escapes: String = refused.iter().map(|code| format!("\\{code:0>4}")).collect();
        execute(
            &mut session,
            &format!("insert into note values (U&'key{escapes}', U&'Title{escapes}')"),
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        let text = "\u{1}\u{8}\u{b}\u{1f}\u{fffe}\u{ffff}";
        let event = &site.events(&format!("shop.note/key{text}"))[0];
        assert_eq!(event.data["title"], json!(format!("Title{text}")));
        assert_eq!(event.data["id"], json!(format!("key{text}")));
    });
}

/// PostgreSQL converts a value to JSON by its type's own cast, which may fail.
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
        watch_snippets(
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
        watch_snippets(&mut session, "note", "id text, title text").await;
        execute(
            &mut session,
            "insert into note select string_agg(md5(n::text), ''), 'Long' from generate_series(1, 500) as n",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        assert_eq!(
            site.topic.accepted()[0].data["id"].as_str().unwrap().len(),
            16_000
        );
    });
}

#[test]
fn a_renamed_key_column_is_found_until_the_next_migrate() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table note (id int primary key, title text);\n\
             create table line (id serial primary key, note_id int, body text)",
        )
        .await;
        watch_notes(&mut session).await;
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
fn numbers_keep_their_digits_and_text_keys_stay_texts() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_snippets(
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

/// A column may have the same name as a variable or a column of the triggers.
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
        watch_notes(&mut session).await;
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

/// All columns of a row together may be more than jsonb can hold.
#[test]
fn a_row_that_is_too_large_to_be_captured_whole_breaks_no_save() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        watch_snippets(
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
