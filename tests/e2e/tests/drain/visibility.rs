//! Events of a change that is not one of the object itself: restrictions, collections, sites.

use serde_json::{Value, json};
use sqlx::PgConnection;
use wagrun_event::Event;

use crate::support::content::{HOME, insert_page};
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::section_site::{OTHER_POST, POST, SECTION, site_with_section};
use crate::support::sql::execute;

/// Returns the type and the subject of each event since `from`, sorted.
fn lines(events: &[Event], from: usize) -> Vec<(String, String)> {
    let lines = events[from..].iter();
    let mut lines: Vec<_> = lines
        .map(|event| (event.kind.clone(), event.subject.clone()))
        .collect();
    lines.sort();
    lines
}

/// Executes this change, drains, and returns the events.
async fn change(site: &RelayedSite, session: &mut PgConnection, statement: &str) -> Vec<Event> {
    let before = site.topic.accepted().len();
    execute(session, statement).await;
    site.sweep().await.unwrap();
    site.topic.accepted()[before..].to_vec()
}

/// Announces all pages of the site, which came while capture was off.
async fn announce(site: &RelayedSite, session: &mut PgConnection) {
    execute(
        session,
        "update wagtailcore_page set last_published_at = now()",
    )
    .await;
    site.sweep().await.unwrap();
}

fn page(action: &str, id: u32) -> (String, String) {
    (format!("wagtail.page.{action}"), format!("page/{id}"))
}

#[test]
fn a_section_that_becomes_private_takes_its_pages_with_it() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        announce(&site, &mut session).await;
        let restrict = format!(
            "insert into wagtailcore_pageviewrestriction (id, page_id, restriction_type, password)
             values (1, {SECTION}, 'password', 'sesame')"
        );
        let events = change(&site, &mut session, &restrict).await;
        let all = [SECTION, POST, OTHER_POST];
        assert_eq!(lines(&events, 0), all.map(|id| page("unpublished", id)));
        for event in &events {
            assert_eq!(event.data["visible_to"], "password");
            assert_eq!(event.data["live"], true);
            assert_eq!(event.data["previous"]["visible_to"], "public");
        }
        let text = serde_json::to_string(&events).unwrap();
        assert!(!text.contains("sesame"), "the password is in an event");

        // A publication of a page that the public does not see is an update.
        let publish =
            format!("update wagtailcore_page set last_published_at = now() where id = {POST}");
        let events = change(&site, &mut session, &publish).await;
        assert_eq!(lines(&events, 0), [page("updated", POST)]);

        let login = "update wagtailcore_pageviewrestriction set restriction_type = 'login'";
        let events = change(&site, &mut session, login).await;
        assert_eq!(lines(&events, 0), all.map(|id| page("updated", id)));
        assert!(
            events
                .iter()
                .all(|event| event.data["visible_to"] == "login")
        );

        let events = change(
            &site,
            &mut session,
            "delete from wagtailcore_pageviewrestriction",
        )
        .await;
        assert_eq!(lines(&events, 0), all.map(|id| page("published", id)));
    });
}

#[test]
fn a_restriction_that_is_the_first_change_of_a_site_is_heard() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        let restrict = format!(
            "insert into wagtailcore_pageviewrestriction (id, page_id, restriction_type, password)
             values (1, {HOME}, 'login', '')"
        );
        let events = change(&site, &mut session, &restrict).await;
        assert_eq!(lines(&events, 0), [page("unpublished", HOME)]);
        assert_eq!(events[0].data["visible_to"], "login");
    });
}

#[test]
fn a_collection_that_becomes_private_is_an_event_of_each_document_in_it() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        let insert = "
            insert into wagtailcore_collection (id, path, depth, numchild, name)
            values (50, '00010001', 2, 1, 'Papers'), (51, '000100010001', 3, 0, 'Drafts'), (52, '00010002', 2, 0, 'Press');
            insert into wagtaildocs_document (id, title, file, created_at, collection_id, file_hash)
            select id, 'Document', 'a.txt', now(), id, '' from wagtailcore_collection where id >= 50";
        let events = change(&site, &mut session, insert).await;
        let document = |id: &str| {
            events
                .iter()
                .find(|event| event.subject == format!("document/{id}"))
        };
        assert_eq!(document("50").unwrap().data["visible_to"], "public");

        let restrict = "insert into wagtailcore_collectionviewrestriction (id, collection_id, restriction_type, password)
                        values (1, 50, 'login', '')";
        let events = change(&site, &mut session, restrict).await;
        let updated =
            |kind: &str, subject: &str| (format!("wagtail.{kind}.updated"), subject.to_owned());
        let expected = [
            updated("collection", "wagtailcore.collection/50"),
            updated("document", "document/50"),
            updated("document", "document/51"),
        ];
        assert_eq!(lines(&events, 0), expected);
        for event in events
            .iter()
            .filter(|event| event.subject.starts_with("document/"))
        {
            assert_eq!(event.data["changed"], json!(["visible_to"]));
            assert_eq!(event.data["visible_to"], "login");
        }

        let moved = "update wagtaildocs_document set collection_id = 52 where id = 50";
        let events = change(&site, &mut session, moved).await;
        assert_eq!(events[0].data["visible_to"], "public");
        assert_eq!(events[0].data["previous"]["visible_to"], "login");
    });
}

#[test]
fn a_new_host_name_is_one_event_of_the_site_and_one_of_each_public_page() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        announce(&site, &mut session).await;
        let draft = format!("update wagtailcore_page set live = false where id = {OTHER_POST}");
        change(&site, &mut session, &draft).await;

        let rename = "update wagtailcore_site set hostname = 'www.example.org', port = 443";
        let events = change(&site, &mut session, rename).await;
        let site_id: i32 = sqlx::query_scalar("select id from wagtailcore_site")
            .fetch_one(&mut session)
            .await
            .unwrap();
        let mut expected = [HOME, SECTION, POST].map(|id| page("moved", id)).to_vec();
        expected.push((
            "wagtail.site.updated".to_owned(),
            format!("wagtailcore.site/{site_id}"),
        ));
        assert_eq!(lines(&events, 0), expected);
        let post = events
            .iter()
            .find(|event| event.subject == format!("page/{POST}"));
        let data = &post.unwrap().data;
        assert_eq!(data["url"], "https://www.example.org/section/post/");
        assert_eq!(data["previous"]["url"], "http://localhost/section/post/");
        assert_eq!(data["changed"], json!(["url"]));
        let renamed = events
            .iter()
            .find(|event| event.kind == "wagtail.site.updated");
        assert_eq!(renamed.unwrap().data["previous"]["hostname"], "localhost");

        // A replay repeats what was said then.
        let replay = json!({"replay": {"subject": format!("page/{POST}")}});
        site.invoke(replay).await.unwrap();
        let accepted = site.topic.accepted();
        let mut replayed = accepted.iter().filter(|event| event.replayed);
        let last = replayed.next_back().unwrap();
        assert_eq!((&last.kind, &last.data), (&post.unwrap().kind, data));
    });
}

/// The steps of *Create and schedule* in the admin, each in a transaction of its own.
#[test]
fn an_embargoed_page_is_never_announced_and_a_page_of_a_script_is_in_the_end() {
    run(async {
        let site = site_with_section().await;
        let mut session = site.database.connect().await;
        for id in [7001, 7002] {
            let insert = insert_page(id, SECTION, "blogpage", &format!("p{id}"));
            let insert = format!("begin; {}; {};
                update wagtailcore_page set live = true, first_published_at = null where id = {id}; commit", insert[0], insert[1]);
            execute(&mut session, &insert).await;
        }
        let schedule = "update wagtailcore_page set live = false, go_live_at = now() + interval '1 day' where id = 7001";
        let embargoed = async {
            // Between the insertion and this change a drain has seen the page as live.
            while site.events("page/7001").is_empty() {
                tokio::task::yield_now().await;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            execute(&mut site.database.connect().await, schedule).await;
        };
        let (drained, ()) = tokio::join!(site.sweep(), embargoed);
        drained.unwrap();
        site.sweep().await.unwrap();
        let kinds = |id: u32| -> Vec<(String, Value)> {
            let events = site.events(&format!("page/{id}"));
            let said = events
                .iter()
                .map(|event| (event.kind.clone(), event.data["visible_to"].clone()));
            said.collect()
        };
        assert_eq!(
            kinds(7001),
            [
                ("wagtail.page.created".to_owned(), json!("nobody")),
                ("wagtail.page.updated".to_owned(), json!("public")),
            ]
        );
        assert_eq!(
            kinds(7002),
            [
                ("wagtail.page.created".to_owned(), json!("nobody")),
                ("wagtail.page.published".to_owned(), json!("public")),
            ]
        );
    });
}

#[test]
fn a_decision_that_fails_is_made_by_the_next_drain() {
    run(async {
        let site = site_with_section().await;
        let mut owner = site.database.connect().await;
        let insert = insert_page(7003, SECTION, "blogpage", "p7003").join(";\n");
        let statements = format!(
            "begin;\n{insert};\n
             update wagtailcore_page set live = true, first_published_at = null where id = 7003;\ncommit"
        );
        execute(&mut owner, &statements).await;
        execute(
            &mut owner,
            "create function wagrun.refuse() returns trigger language plpgsql as $$ begin raise 'refused by a test'; end $$;
             create trigger refuse before insert on wagrun.event for each row when (new.is_comparison)
             execute function wagrun.refuse()",
        )
        .await;
        assert!(site.sweep().await.is_err());
        assert_eq!(site.events("page/7003").len(), 1);
        execute(&mut owner, "drop trigger refuse on wagrun.event").await;
        site.sweep().await.unwrap();
        let events = site.events("page/7003");
        assert_eq!(events.last().unwrap().kind, "wagtail.page.published");
    });
}
