//! Changes in an unusual order or form: an event shows the net change, as a reader of the row sees it.

use serde_json::{Value, json};
use sqlx::PgConnection;
use wagrun_event::Event;

use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::sql::execute;
use crate::support::watched_tables::watch_snippets;

/// Returns a site with a watched table `note` of these columns, and a session.
async fn site_with_notes(columns: &str) -> (RelayedSite, PgConnection) {
    let site = RelayedSite::new().await;
    let mut session = site.database.connect().await;
    watch_snippets(&mut session, "note", columns).await;
    (site, session)
}

/// Returns the subject, the action and the title of each event, sorted by subject.
fn subjects_actions_and_titles(events: &[Event]) -> Vec<(String, String, Value)> {
    let mut rows: Vec<_> = events
        .iter()
        .map(|event| {
            let action = event.kind.rsplit('.').next().unwrap();
            let title = event.data["fields"]["title"].clone();
            (event.subject.clone(), action.to_owned(), title)
        })
        .collect();
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows
}

#[track_caller]
fn assert_events(events: &[Event], expected: &[(&str, &str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(key, action, title)| {
            (
                format!("shop.note/{key}"),
                (*action).to_owned(),
                json!(title),
            )
        })
        .collect();
    assert_eq!(subjects_actions_and_titles(events), expected);
}

/// The site's own trigger runs before capture and changes the row again. So the second change is captured first.
#[test]
fn a_row_that_the_sites_own_trigger_changes_again_is_published_as_it_is() {
    run(async {
        let (site, mut session) =
            site_with_notes("id int primary key, title text, n int default 0").await;
        execute(
            &mut session,
            "create function touch() returns trigger language plpgsql as $$ begin
                 if pg_trigger_depth() < 2 then update note set n = n + 1 where id = new.id ; end if ; return null ; end $$;\n\
             create trigger a_touch after insert or update on note for each row execute function touch();\n\
             insert into note values (5, 'five');\n\
             update note set title = 'FIVE' where id = 5",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let events = site.events("shop.note/5");
        assert_eq!(events[0].kind, "wagtail.note.created");
        assert_eq!(events[0].data["fields"]["n"], 1);
        assert_eq!(events[1].kind, "wagtail.note.updated");
        assert_eq!(events[1].data["fields"], json!({"title": "FIVE", "n": 2}));
        assert_eq!(events[1].data["previous"], json!({"title": "five", "n": 1}));
    });
}

#[test]
fn keys_that_are_swapped_or_shifted_are_changes_of_those_objects() {
    run(async {
        let columns = "id int primary key deferrable initially deferred, title text";
        let (site, mut session) = site_with_notes(columns).await;
        execute(
            &mut session,
            "insert into note values (1, 'one'), (2, 'two'), (3, 'three')",
        )
        .await;
        site.sweep().await.unwrap();
        let seen = site.topic.accepted().len();
        execute(
            &mut session,
            "update note set id = case id when 1 then 2 else 1 end where id in (1, 2)",
        )
        .await;
        site.sweep().await.unwrap();
        assert_events(
            &site.topic.accepted()[seen..],
            &[("1", "updated", "two"), ("2", "updated", "one")],
        );

        let seen = site.topic.accepted().len();
        execute(&mut session, "update note set id = id + 1").await;
        site.sweep().await.unwrap();
        assert_events(
            &site.topic.accepted()[seen..],
            &[
                ("1", "deleted", "two"),
                ("2", "updated", "two"),
                ("3", "updated", "one"),
                ("4", "created", "three"),
            ],
        );

        let seen = site.topic.accepted().len();
        execute(
            &mut session,
            "begin; insert into note values (2, 'new two'); delete from note where title = 'two'; commit",
        )
        .await;
        site.sweep().await.unwrap();
        assert_events(
            &site.topic.accepted()[seen..],
            &[("2", "updated", "new two")],
        );
    });
}

#[test]
fn changes_that_cancel_out_are_no_event_and_others_are_one_event() {
    run(async {
        let (site, mut session) = site_with_notes("id int primary key, title text").await;
        execute(
            &mut session,
            "begin; insert into note values (1, 'a'); delete from note; commit;\n\
             insert into note values (2, 'a');\n\
             begin; update note set title = 'b'; update note set title = 'a'; commit;\n\
             begin; update note set title = 'b'; update note set title = 'a'; update note set title = 'c'; commit;\n\
             begin; delete from note; insert into note values (2, 'd'); commit",
        )
        .await;
        let answer = site.sweep().await.unwrap();
        assert_eq!((answer.published, answer.nothing), (3, 2));
        let titles: Vec<_> = site
            .topic
            .accepted()
            .iter()
            .map(|event| event.data["title"].clone())
            .collect();
        assert_eq!(titles, ["a", "c", "d"]);
    });
}

/// The formats that a session sets do not change an event.
#[test]
fn a_value_reads_the_same_whatever_the_formats_of_the_session() {
    run(async {
        let columns =
            "id bytea primary key, f double precision, i interval, r daterange, title text";
        let (site, mut session) = site_with_notes(columns).await;
        execute(
            &mut session,
            r"insert into note values ('\xff', 1.0000000000000002, '1 day 2 hours', '[2026-01-02,2026-01-05)', 'Note');
              set extra_float_digits = 0; set bytea_output = 'escape'; set intervalstyle = 'iso_8601'; set datestyle = 'German';
              update note set f = 1.0000000000000004",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let events = site.events(r"shop.note/\xff");
        assert_eq!(events[1].data["changed"], json!(["f"]));
        assert_eq!(events[0].data["fields"]["i"], events[1].data["fields"]["i"]);
        assert_eq!(events[0].data["fields"]["r"], events[1].data["fields"]["r"]);
    });
}

#[test]
fn a_further_digit_is_a_change_and_a_virtual_column_is_not_shown() {
    run(async {
        let columns =
            "id int primary key, n numeric, twice numeric generated always as (n * 2) virtual";
        let (site, mut session) = site_with_notes(columns).await;
        execute(
            &mut session,
            "insert into note values (1, 1.0);\n\
             update note set n = 1.00",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        let event = &site.events("shop.note/1")[1];
        assert_eq!(event.data["fields"]["n"].to_string(), "1.00");
        assert_eq!(event.data["fields"].get("twice"), None);
    });
}
