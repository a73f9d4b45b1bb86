//! Values of the site that content-events writes into its statements stay values.

use wagrun_database::schema;

use crate::support::drain_fixture::{DrainFixture, pending};
use crate::support::runtime::{in_a_minute, run};
use crate::support::section_site::{SECTION, site_with_section};
use crate::support::sql::execute;
use crate::support::watched_tables::snippet_table;

const HOSTILE: [&str; 4] = [
    r"it's",
    r"\'; drop table shop_note; --",
    r"$1 $2 $10",
    "two\nlines\\",
];

#[test]
fn a_hostile_key_is_a_value_also_where_a_backslash_would_escape() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        let name = &fixture.database.name;
        execute(
            &mut session,
            &format!(r#"alter database "{name}" set standard_conforming_strings = off"#),
        )
        .await;
        execute(
            &mut session,
            "create table shop_note (id text primary key, title text)",
        )
        .await;
        let table = snippet_table("shop_note", "shop.note");
        schema::watch_tables(&mut session, &[table], in_a_minute())
            .await
            .unwrap();
        for key in HOSTILE {
            sqlx::query("insert into shop_note values ($1, 'Note')")
                .bind(key)
                .execute(&mut session)
                .await
                .unwrap();
        }
        // The objects of refused events are values of the last look.
        fixture.topic.fail(|_| true);
        let error = fixture.sweep().await.unwrap_err().to_string();
        assert!(error.starts_with("4 events were not published"), "{error}");
        assert_eq!(pending(&mut session).await, 4);
        fixture.topic.recover();
        assert_eq!(fixture.sweep().await.unwrap().published, 4);
        let events = fixture.topic.accepted();
        let keys: Vec<_> = events
            .iter()
            .map(|event| event.data["id"].clone())
            .collect();
        assert_eq!(keys, HOSTILE);
    });
}

#[test]
fn a_group_with_a_hostile_name_is_a_value_in_a_stored_decision() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            &format!(
                r#"insert into auth_group (id, name) values (70, E'Bob''s \\ "staff" $1');
                   insert into wagtailcore_pageviewrestriction (id, page_id, restriction_type, password)
                   values (1, {SECTION}, 'groups', '');
                   insert into wagtailcore_pageviewrestriction_groups (pageviewrestriction_id, group_id) values (1, 70)"#
            ),
        )
        .await;
        execute(
            &mut session,
            "update wagtailcore_page set last_published_at = now()",
        )
        .await;
        site.sweep().await.unwrap();
        let events = site.events(&format!("page/{SECTION}"));
        assert_eq!(
            events.last().unwrap().data["groups"],
            serde_json::json!([r#"Bob's \ "staff" $1"#])
        );
        let stored: String = sqlx::query_scalar(
            "select said ->> 'visible_to' from wagrun.visibility where object = $1",
        )
        .bind(format!("page/{SECTION}"))
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(stored, "groups");
    });
}
