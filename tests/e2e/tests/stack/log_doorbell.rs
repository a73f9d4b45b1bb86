//! The main path with nothing but the second doorbell, as `Doorbell=Logs` has it.

use local_stack::admin::{Action, Fields};
use serde_json::json;

use crate::stack::faults::content_events_waits;
use crate::support::database::{execute, run};
use crate::support::scenario::{Story, page};

#[test]
fn an_edit_in_the_admin_reaches_the_webhook() {
    run(async {
        let mut story = Story::by_log("by-log").await;
        let post = story.live_post(story.root, "Post").await;
        story
            .edit(post, &Fields::titled("Again"), Action::Publish)
            .await;
        story
            .expect(&[page("updated", post), page("published", post)])
            .await;
        story.admin.delete_page(post).await.unwrap();
        story.expect(&[page("deleted", post)]).await;
    });
}

#[test]
fn the_database_has_no_other_doorbell() {
    run(async {
        let story = Story::by_log("by-log-alone").await;
        let others: Vec<String> = sqlx::query_scalar(
            "select name from wagrun.setting where name = 'doorbell_function'
             union all select extname::text from pg_extension where extname = 'aws_lambda'",
        )
        .fetch_all(&mut story.world.database().await)
        .await
        .unwrap();
        assert_eq!(others, [""; 0]);
    });
}

/// Without the transaction's id, content-events would look before there is anything to see.
#[test]
fn a_line_before_the_commit_is_enough() {
    run(async {
        let mut story = Story::by_log("by-log-early").await;
        let post = story.live_post(story.root, "Post").await;
        let mut web = story.world.web().await;
        execute(
            &mut web,
            &format!(
                "begin;
update wagtailcore_page set title = 'Early' where id = {post};
set constraints all immediate"
            ),
        )
        .await;
        content_events_waits(story.world).await;
        execute(&mut web, "commit").await;
        let events = story.expect(&[page("updated", post)]).await;
        assert_eq!(events[0].data["previous"], json!({"title": "Post"}));
    });
}
