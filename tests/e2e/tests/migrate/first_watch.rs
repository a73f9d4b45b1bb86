//! A table of pages is watched for the first time while people edit. They do not wait until its content is recorded, and what they
//! change meanwhile has the events that it has at any other time.

use content_events::Invocation;

use crate::support::content::{HOME, insert_page};
use crate::support::database::Database;
use crate::support::migration::{start_migration, wait_until};
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_for_lock_waiter};

/// A page that is not live before the table is watched. Pages with an even number are live.
const DRAFT: u32 = 51;
const LIVE: u32 = 52;

#[test]
fn editors_do_not_wait_until_the_present_pages_are_recorded() {
    run(async {
        let site = RelayedSite::on(Database::new().await).await;
        let mut owner = site.database.connect().await;
        let mut observer = site.database.observer().await;
        // As a site was before wagrun.
        execute(
            &mut owner,
            "set wagrun.capture = 'off';\n
             select wagrun.unwatch_table('wagtailcore_page');\n
             delete from wagrun.visibility",
        )
        .await;
        for page in [DRAFT, LIVE] {
            let slug = format!("page-{page}");
            for statement in insert_page(page, HOME, "blogpage", &slug) {
                execute(&mut owner, &statement).await;
            }
        }

        // Recording waits for this transaction, which stands for a million pages.
        let mut delay = site.database.connect().await;
        execute(
            &mut delay,
            "begin;\n insert into wagrun.visibility values ('page/3', '{}')",
        )
        .await;
        let migration = start_migration(&site.database.url());
        wait_until(
            &mut observer,
            "the table has its triggers",
            "select exists (select from pg_trigger
                 where tgname = 'wagrun_capture_update' and tgrelid = 'wagtailcore_page'::regclass)",
        )
        .await;
        wait_for_lock_waiter(&mut observer).await;
        let mut editor = site.database.connect().await;
        execute(
            &mut editor,
            "set lock_timeout = '5s';\n
             update home_homepage set introduction = 'Edited in a part alone' where page_ptr_id = 3;\n
             update wagtailcore_page set title = 'Edited' where id = 52;\n
             update wagtailcore_page set live = true, last_published_at = now() where id = 51",
        )
        .await;

        // A drainer that comes meanwhile waits, too.
        let drainer = site.drainer();
        let drain =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        wait_until(
            &mut observer,
            "a drainer stands by",
            "select count(*) = 2 from pg_locks
             where locktype = 'advisory' and granted
                 and (classid::bigint << 32) | objid::bigint in (x'77616772756e0001'::bigint, x'77616772756e0005'::bigint)
                 and database = (select oid from pg_database where datname = current_database())",
        )
        .await;
        execute(&mut delay, "rollback").await;
        migration.await.unwrap().unwrap();
        drain.await.unwrap().unwrap();
        site.sweep().await.unwrap();
        let mut events: Vec<_> = site.topic.accepted();
        events.sort_by(|a, b| a.subject.cmp(&b.subject));
        let events: Vec<_> = events
            .iter()
            .map(|event| (event.subject.as_str(), event.kind.as_str()))
            .collect();
        assert_eq!(
            events,
            [
                ("page/3", "wagtail.page.updated"),
                ("page/51", "wagtail.page.published"),
                ("page/52", "wagtail.page.updated"),
            ]
        );
    });
}
