//! Changes outside the admin: Django's bulk writes, fixtures, and plain SQL. They have the same events.

use local_stack::admin::{Action, Fields};
use serde_json::{Value, json};

use crate::support::event_line::{changed, object, page};
use crate::support::runtime::run;
use crate::support::scenario::Scenario;
use crate::support::sql::execute;

/// Runs Python code in `manage.py shell`, which imports the site's models.
async fn shell(scenario: &Scenario, code: &str) -> String {
    scenario
        .stack
        .manage(&["shell", "--verbosity", "0", "--command", code])
        .await
}

#[test]
fn a_queryset_update_is_an_event_for_each_page() {
    run(async {
        let mut scenario = Scenario::new("querysets").await;
        let one = scenario.live_post(scenario.root, "One").await;
        let two = scenario.live_post(scenario.root, "Two").await;
        let code = format!(
            "Page.objects.filter(pk__in=[{one}, {two}]).update(title='Same')
BlogPage.objects.filter(pk={one}).update(intro='New')
Page.objects.filter(pk={two}).update(live=False)"
        );
        shell(&scenario, &code).await;
        let events = scenario
            .expect_together(&[
                page("updated", one),
                page("updated", one),
                page("updated", two),
                page("unpublished", two),
            ])
            .await;
        for (event, field) in events.iter().zip(["title", "intro", "title", "live"]) {
            assert_eq!(changed(event), [field]);
            assert_eq!(event.data["title"], "Same");
            assert_eq!(event.data["editor"], Value::Null);
        }
        assert_eq!(events[0].data["previous"], json!({"title": "One"}));
        assert_eq!(events[1].data["previous"], json!({}));
        assert_eq!(events[2].data["previous"], json!({"title": "Two"}));
        assert_eq!(events[3].data["previous"], json!({"live": true}));
    });
}

#[test]
fn a_fixture_creates_and_updates() {
    run(async {
        // loaddata sets the sequences of its tables to the highest committed id. Another test may have drawn a higher id
        // meanwhile.
        let mut scenario = Scenario::exclusive("fixtures").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        // Django dumps times in milliseconds. A time in whole milliseconds loses nothing.
        execute(
            &mut scenario.stack.web().await,
            &format!(
                "begin; set local wagrun.capture = 'off';
                 update wagtailcore_page set
                     first_published_at = date_trunc('milliseconds', first_published_at) + interval '500 microseconds',
                     last_published_at = date_trunc('milliseconds', last_published_at) + interval '500 microseconds',
                     latest_revision_created_at =
                         date_trunc('milliseconds', latest_revision_created_at) + interval '500 microseconds'
                 where id = {post}; commit"
            ),
        )
        .await;
        let dumped = scenario
            .stack
            .manage(&["dumpdata", "wagtailcore.page", "--pks", &post.to_string()])
            .await;
        let mut fixture: Value = serde_json::from_str(&dumped).unwrap();
        fixture[0]["fields"]["title"] = json!("Loaded");
        let author =
            json!({"model": "blog.author", "pk": 4711, "fields": {"name": "Eve", "bio": ""}});
        fixture.as_array_mut().unwrap().push(author);
        let directory = scenario.stack.local.supervisor.create_directory("fixtures");
        let file = directory.unwrap().join("fixture.json");
        std::fs::write(&file, fixture.to_string()).unwrap();

        scenario.add_object("blog.author/4711");
        scenario
            .stack
            .manage(&["loaddata", &file.to_string_lossy()])
            .await;
        // A change of last_published_at on a live page counts as a publication.
        let events = scenario
            .expect_together(&[
                page("published", post),
                object("author.created", "blog.author/4711"),
            ])
            .await;
        assert_eq!(
            changed(&events[0]),
            [
                "first_published_at",
                "last_published_at",
                "latest_revision_created_at",
                "title"
            ]
        );
        assert_eq!(events[0].data["title"], "Loaded");
        assert_eq!(events[0].data["previous"]["title"], "Post");
        assert_eq!(events[1].data["title"], "Eve");
    });
}

#[test]
fn plain_sql_is_seen_as_any_other_change() {
    run(async {
        let mut scenario = Scenario::new("sql").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let mut web = scenario.stack.web().await;
        execute(
            &mut web,
            &format!(
                "update wagtailcore_page set slug = 'other', url_path = '/home/sql/other/' where id = {post};
update blog_blogpage set intro = 'New' where page_ptr_id = {post};
update wagtailcore_page set numchild = numchild + 1 where id = {post};
update wagtailcore_page set live = false, live_revision_id = null where id = {post};
delete from wagtailcore_pagelogentry where page_id = {post}"
            ),
        )
        .await;
        let events = scenario
            .expect(&["moved", "updated", "unpublished"].map(|action| page(action, post)))
            .await;
        assert_eq!(changed(&events[0]), ["slug", "url", "url_path"]);
        assert_eq!(events[0].data["url"], scenario.url_of("other/"));
        assert_eq!(events[0].data["previous"]["url"], scenario.url_of("post/"));
        assert_eq!(changed(&events[1]), ["intro"]);
        assert_eq!(changed(&events[2]), ["live", "live_revision"]);
    });
}

#[test]
fn a_change_that_is_rolled_back_or_undone_in_its_transaction_is_no_event() {
    run(async {
        let mut scenario = Scenario::new("rollbacks").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let root = scenario.root;
        let mut web = scenario.stack.web().await;
        execute(
            &mut web,
            &format!(
                "begin; update wagtailcore_page set title = 'Gone' where id = {post}; rollback;
begin; savepoint inner_block; update wagtailcore_page set title = 'Gone' where id = {post};
rollback to inner_block; update wagtailcore_page set title = 'Kept' where id = {root}; commit;
begin; update wagtailcore_page set title = 'Gone' where id = {post};
update wagtailcore_page set title = 'Post' where id = {post}; commit"
            ),
        )
        .await;
        let events = scenario.expect(&[page("updated", root)]).await;
        assert_eq!(events[0].data["title"], "Kept");

        let code = format!(
            "from django.db import transaction
parent = Page.objects.get(pk={root})
with transaction.atomic():
    parent.add_child(instance=BlogPage(title='Brief')).delete()
try:
    with transaction.atomic():
        parent.add_child(instance=BlogPage(title='Never'))
        raise KeyError
except KeyError:
    pass"
        );
        shell(&scenario, &code).await;
        scenario.expect(&[]).await;
        scenario
            .edit(post, &Fields::titled("After"), Action::Save)
            .await;
        scenario.expect(&[page("updated", post)]).await;
    });
}

#[test]
fn a_page_that_one_commit_changes_three_times_is_one_event() {
    run(async {
        let mut scenario = Scenario::new("thrice").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let code = format!(
            "from django.db import transaction
with transaction.atomic():
    page = BlogPage.objects.get(pk={post})
    page.title = 'One'
    page.save()
    page.unpublish()
    page.title = 'Two'
    page.save_revision().publish()"
        );
        shell(&scenario, &code).await;
        let events = scenario.expect(&[page("published", post)]).await;
        let data = &events[0].data;
        assert_eq!(
            (&data["title"], &data["live"], &data["previous"]["title"]),
            (&json!("Two"), &json!(true), &json!("Post"))
        );
        assert_eq!(data["previous"].get("live"), None);
    });
}
