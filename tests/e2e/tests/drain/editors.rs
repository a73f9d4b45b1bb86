//! The editor of an event, on a site that does not name its editors: revisions and the audit log tell.

use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::support::drain_fixture::{DrainFixture, insert_authors, insert_posts};
use crate::support::runtime::run;
use crate::support::sql::execute;

/// Returns a statement that saves a revision of the post by this user, so many seconds ago.
fn revision(id: u32, user: u32, seconds: f32) -> String {
    format!(
        "insert into wagtailcore_revision (id, created_at, user_id, object_id, object_str, content, content_type_id, base_content_type_id)
         select {id}, clock_timestamp() - interval '{seconds} s', {user}, p.id, 'Post', '{{}}', p.content_type_id, p.content_type_id
         from wagtailcore_page as p where slug = 'p1'"
    )
}

/// Returns a statement that logs an action on the post, by this user or by nobody, so many seconds from now.
fn log(action: &str, user: Option<u32>, seconds: f32) -> String {
    let user = user.map_or("null".to_owned(), |user| user.to_string());
    format!(
        "insert into wagtailcore_pagelogentry
             (label, action, data, timestamp, content_changed, deleted, content_type_id, page_id, user_id)
         select 'Post', '{action}', '{{}}', clock_timestamp() + interval '{seconds} s', true, false, content_type_id, id, {user}
         from wagtailcore_page where slug = 'p1'"
    )
}

fn update(set: &str) -> String {
    format!("update wagtailcore_page set {set} where slug = 'p1'")
}

/// Inserts the users Anna (1) and Bob (2), and the post of the tests.
async fn fixture() -> (DrainFixture, PgConnection) {
    let fixture = DrainFixture::new().await;
    let mut session = fixture.database.connect().await;
    insert_posts(&mut session, 1).await;
    for (id, name) in [(1, "anna"), (2, "bob")] {
        let insert = format!(
            "insert into auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
             values ({id}, '', true, '{name}', '', '', '', true, true, now())"
        );
        execute(&mut session, &insert).await;
    }
    (fixture, session)
}

/// Asserts the editors of the events of these transactions. The entries of the log are all there when the drain begins.
async fn assert_editors(transactions: &[Vec<String>], expected: &[Option<&str>]) {
    let (fixture, mut session) = fixture().await;
    for transaction in transactions {
        let statements = format!("begin; {}; commit", transaction.join("; "));
        execute(&mut session, &statements).await;
    }
    fixture.sweep().await.unwrap();
    let mut events = fixture.topic.accepted();
    events.sort_by(|one, other| one.sequence.cmp(&other.sequence));
    let names: Vec<Value> = events
        .iter()
        .map(|event| {
            event.data["editor"]
                .get("username")
                .cloned()
                .unwrap_or_default()
        })
        .collect();
    let expected: Vec<Value> = expected.iter().map(|name| json!(name)).collect();
    assert_eq!(names, expected, "{transactions:?}");
}

#[test]
fn a_draft_of_one_user_and_a_deletion_by_another_name_the_right_one() {
    run(async {
        let draft = vec![
            revision(7, 1, 0.0),
            update("latest_revision_id = 7, has_unpublished_changes = true"),
            log("wagtail.edit", Some(1), 0.0),
        ];
        // The deletion removes the revisions as well, so only the log still tells who made the draft.
        let deletion = vec![
            log("wagtail.delete", Some(2), -0.5),
            "delete from blog_blogpage".to_owned(),
            update("latest_revision_id = null"),
            "delete from wagtailcore_revision".to_owned(),
            "delete from wagtailcore_page where slug = 'p1'".to_owned(),
        ];
        assert_editors(&[draft, deletion], &[Some("anna"), Some("bob")]).await;
    });
}

#[test]
fn another_action_within_seconds_names_no_other_user() {
    run(async {
        let publish = vec![
            revision(7, 1, 0.1),
            update("latest_revision_id = 7, live_revision_id = 7, live = true, title = 'New'"),
            log("wagtail.publish", Some(1), 0.0),
        ];
        let unpublish = vec![
            update("live = false, live_revision_id = null"),
            log("wagtail.unpublish", Some(2), 0.01),
        ];
        assert_editors(&[publish.clone(), unpublish], &[Some("anna"), Some("bob")]).await;

        let moved = vec![
            update("url_path = '/home/elsewhere/', path = '000100010009'"),
            log("wagtail.move", Some(2), 0.01),
        ];
        assert_editors(&[publish, moved], &[Some("anna"), Some("bob")]).await;

        // The draft of one user is published by another.
        let draft = vec![revision(8, 1, 0.1), update("latest_revision_id = 8")];
        let bulk = vec![
            update("live_revision_id = 8"),
            log("wagtail.publish", Some(2), 0.01),
        ];
        assert_editors(&[draft.clone(), bulk], &[Some("anna"), Some("bob")]).await;

        // A change that is not logged, such as a script's, a moment before or after an edit of another user.
        let script = vec![update("seo_title = 'by a script'")];
        let edit = vec![log("wagtail.unpublish", Some(2), 0.0)];
        assert_editors(&[script, edit], &[None]).await;
    });
}

#[test]
fn a_publication_by_the_clock_has_no_editor() {
    run(async {
        let draft = vec![revision(7, 1, 0.1), update("latest_revision_id = 7")];
        let logged = vec![
            update("live_revision_id = 7"),
            log("wagtail.publish.scheduled", None, 0.01),
        ];
        assert_editors(&[draft, logged], &[Some("anna"), None]).await;
        let draft = vec![revision(7, 1, 60.0), update("latest_revision_id = 7")];
        let not_logged_yet = vec![update("live_revision_id = 7")];
        assert_editors(&[draft, not_logged_yet], &[Some("anna"), None]).await;
    });
}

#[test]
fn the_log_counts_only_around_the_change() {
    run(async {
        for (seconds, expected) in [(-0.5, None), (-0.05, Some("anna")), (70.0, None)] {
            let edit = vec![
                log("wagtail.edit", Some(1), seconds),
                update("title = 'New'"),
            ];
            assert_editors(&[edit], &[expected]).await;
        }
    });
}

#[test]
fn the_editor_of_a_snippet_is_in_the_log_of_models() {
    run(async {
        let (fixture, mut session) = fixture().await;
        insert_authors(&mut session, 2).await;
        execute(
            &mut session,
            "begin; update blog_author set name = 'New';
             insert into wagtailcore_modellogentry
                 (label, action, data, timestamp, content_changed, deleted, content_type_id, object_id, user_id)
             select 'Author', 'wagtail.edit', '{}', clock_timestamp(), true, false, id, '1', 2
             from django_content_type where model = 'author';
             commit",
        )
        .await;
        fixture.sweep().await.unwrap();
        let editor = |subject: &str| {
            let events = fixture.topic.accepted();
            let event = events.iter().find(|event| event.subject == subject);
            event.unwrap().data["editor"].clone()
        };
        assert_eq!(editor("blog.author/1"), json!({"id": 2, "username": "bob"}));
        assert_eq!(editor("blog.author/2"), Value::Null);
    });
}
