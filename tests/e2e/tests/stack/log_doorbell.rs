//! A stack that has only the log doorbell, as with `Doorbell=Logs`.

use local_stack::admin::{Action, Fields};
use serde_json::json;

use crate::support::event_line::page;
use crate::support::runtime::run;
use crate::support::scenario::Scenario;
use crate::support::sql::execute;

#[test]
fn an_edit_in_the_admin_reaches_the_webhook() {
    run(async {
        let mut scenario = Scenario::with_log_doorbell("by-log").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        scenario
            .edit(post, &Fields::titled("Again"), Action::Publish)
            .await;
        scenario
            .expect(&[page("updated", post), page("published", post)])
            .await;
        scenario.admin.delete_page(post).await.unwrap();
        scenario.expect(&[page("deleted", post)]).await;
    });
}

#[test]
fn the_database_has_no_other_doorbell() {
    run(async {
        let scenario = Scenario::with_log_doorbell("by-log-alone").await;
        let others: Vec<String> = sqlx::query_scalar(
            "select name from wagrun.setting where name = 'doorbell_function'
             union all select extname::text from pg_extension where extname = 'aws_lambda'",
        )
        .fetch_all(&mut scenario.stack.database().await)
        .await
        .unwrap();
        assert_eq!(others, [""; 0]);
    });
}

/// The line has the transaction's id. Without it, content-events would look before the change is visible.
#[test]
fn a_line_before_the_commit_is_enough() {
    run(async {
        let mut scenario = Scenario::with_log_doorbell("by-log-early").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let mut web = scenario.stack.web().await;
        execute(
            &mut web,
            &format!(
                "begin;
update wagtailcore_page set title = 'Early' where id = {post};
set constraints all immediate"
            ),
        )
        .await;
        scenario.stack.wait_until_content_events_waits().await;
        execute(&mut web, "commit").await;
        let events = scenario.expect(&[page("updated", post)]).await;
        assert_eq!(events[0].data["previous"], json!({"title": "Post"}));
    });
}
