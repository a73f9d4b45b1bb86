//! The supported versions of PostgreSQL before the newest one. A site is migrated and watched there, edited in Django and in SQL,
//! and has the same events as on the newest one, with which all other tests work. `public_view` has the versions of Wagtail.

use local_stack::tools::Tools;
use testing::checkout;
use testing::progress::Progress;

use crate::support::database::{Database, OlderPostgres};
use crate::support::migration::{assert_migrated, manage, migrate};
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::sql::execute;

/// Edits as the admin does: pages with a body, children and an author, a draft, a due time, a move, and deletions.
const EDIT: &str = "
from datetime import timedelta
from django.utils import timezone
from blog.models import Author, BlogIndexPage, BlogPage, RelatedLink
from home.models import HomePage

home = HomePage.objects.first()
index = home.add_child(instance=BlogIndexPage(title='Blog', slug='blog'))
index.save_revision().publish()
author = Author.objects.create(name='Ada')
post = index.add_child(instance=BlogPage(title='Post', slug='post', author=author, live=False))
post.related_links.add(RelatedLink(title='A link', url='https://example.org'))
post.body = [('heading', 'A heading'), ('paragraph', '<p>Text</p>')]
post.save_revision().publish()
post.title = 'A draft'
post.save_revision()
post.go_live_at = timezone.now() + timedelta(days=1)
post.save_revision(approved_go_live_at=post.go_live_at)
second = index.add_child(instance=BlogPage(title='Second', slug='second'))
second.move(home, pos='last-child')
second.refresh_from_db()
second.delete()
BlogPage.objects.filter(pk=post.pk).update(intro='In bulk')
author.delete()
";

/// Edits that no Django has made.
const EDIT_IN_SQL: &str = "
    insert into blog_author (name, bio) select 'author ' || number, '' from generate_series(1, 300) as number;\n
    update blog_author set bio = name;\n
    update wagtailcore_page set title = title || '!' where depth > 2;\n
    delete from blog_author";

/// Returns the types and objects of all events after these edits, in their order.
async fn events(database: Database) -> Vec<String> {
    let tools = Tools::install(checkout(), &Progress::quiet())
        .await
        .unwrap();
    let python = tools.program("site", "python");
    assert_migrated(&mut database.connect().await).await;
    // A later deployment finds the database as it left it.
    assert_eq!(
        migrate(&database.url()).await.unwrap().applied_django,
        [""; 0]
    );

    let site = RelayedSite::on(database).await;
    let arguments = ["shell", "--verbosity", "0", "--command", EDIT];
    manage(
        &checkout().join("site"),
        &site.database,
        &python,
        &arguments,
    )
    .await;
    execute(&mut site.database.connect().await, EDIT_IN_SQL).await;
    site.sweep().await.unwrap();
    let mut events = site.topic.accepted();
    // A topic keeps the order of each object's events, and no other.
    events.sort_by(|a, b| a.sequence.cmp(&b.sequence));
    events
        .into_iter()
        .map(|event| format!("{} {}", event.kind, event.subject))
        .collect()
}

#[test]
fn a_site_has_the_same_events_on_each_supported_version() {
    run(async {
        let newest = events(Database::new().await).await;
        assert!(newest.len() > 900, "{}", newest.len());
        for version in OlderPostgres::ALL {
            let older = events(Database::on_version(version).await).await;
            assert_eq!(older, newest, "{version:?}");
        }
    });
}
