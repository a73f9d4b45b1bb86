//! Locks: editors do not wait for wagrun, and a migration does not wait for the drain.

use std::cell::Cell;
use std::time::{Duration, Instant};

use content_events::Invocation;
use sqlx::PgConnection;
use wagrun_database::outbox::Lock;
use wagrun_database::schema;

use crate::support::database::Database;
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{execute, wait_for_lock_waiter};
use crate::support::watched_tables::author_table;

/// The version of the first complete schema. The migrations after it must not lock out any session.
const FIRST_SCHEMA_VERSION: i64 = 20_261_128_000_009;

/// Steps. Migration: locks revisions. Drain: locks content types, waits for revisions. Migration: locks content types.
#[test]
fn a_migration_that_meets_the_drain_wins() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'New' where id = 3",
        )
        .await;
        let mut migration = site.database.connect().await;
        execute(&mut migration, "begin; lock table wagtailcore_revision").await;
        let drainer = site.drainer();
        let drain =
            tokio::spawn(async move { drainer.run(&Invocation::Sweep, in_a_minute()).await });
        let mut observer = site.database.observer().await;
        wait_for_lock_waiter(&mut observer).await;
        execute(&mut migration, "lock table django_content_type").await;
        execute(&mut migration, "commit").await;
        assert_eq!(drain.await.unwrap().unwrap().published, 1);
    });
}

/// A migration locks the table of a page type. Only changes of that type's parts wait.
#[test]
fn a_table_that_a_migration_alters_holds_back_its_own_parts_and_nothing_else() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) values ('Ann', '');\n\
             update home_homepage set introduction = 'waits' where page_ptr_id = 3",
        )
        .await;
        let mut migration = site.database.connect().await;
        execute(
            &mut migration,
            "begin; lock table wagtailcore_page in access exclusive mode",
        )
        .await;
        // The drain reads the sites from this table too. It waits as a whole, but ends in time and rings.
        let answer = site
            .drainer()
            .run(&Invocation::Sweep, in_a_moment())
            .await
            .unwrap();
        assert!(answer.rang_again, "{answer:?}");
        execute(
            &mut migration,
            "rollback; begin; lock table home_homepage in access exclusive mode",
        )
        .await;
        let answer = site
            .drainer()
            .run(&Invocation::Sweep, in_a_moment())
            .await
            .unwrap();
        assert!(answer.rang_again && answer.published == 1, "{answer:?}");
        assert_eq!(site.events("blog.author/1").len(), 1);
        execute(&mut migration, "rollback").await;
        assert_eq!(site.sweep().await.unwrap().published, 1);
        assert_eq!(site.events("page/3").len(), 1);
    });
}

fn in_a_moment() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_millis(1_500)
}

/// A drainer that is woken before the unlock would find the lock taken and leave.
#[test]
fn the_drainer_releases_the_lock_before_it_rings_for_the_rest() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) select 'author', '' from generate_series(1, 600)",
        )
        .await;
        let lock = Lock::Drain as i64;
        execute(
            &mut session,
            &format!(
                "create table rung (lock_was_free boolean);\n\
                 create or replace function wagrun.ring(xid text) returns void language sql security definer as $$
                     insert into public.rung select not exists (
                         select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
                             and (classid::bigint << 32) + objid::bigint = {lock}) $$"
            ),
        )
        .await;
        let answer = site
            .drainer()
            .run(&Invocation::Sweep, tokio::time::Instant::now())
            .await
            .unwrap();
        assert!(answer.rang_again && answer.published > 0, "{answer:?}");
        let rings: Vec<bool> = sqlx::query_scalar("select lock_was_free from rung")
            .fetch_all(&mut session)
            .await
            .unwrap();
        assert_eq!(rings, [true]);
    });
}

/// Many events of one object at a slow topic need several runs. Each run settles what it has published.
#[test]
fn a_topic_that_is_slow_makes_progress_with_each_run() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) values ('0', '')",
        )
        .await;
        for round in 1..40 {
            execute(
                &mut session,
                &format!("update blog_author set name = '{round}'"),
            )
            .await;
        }
        site.topic.delay(Duration::from_millis(50));
        let mut runs = 0;
        while site.topic.accepted().len() < 40 {
            let stop_at = tokio::time::Instant::now() + Duration::from_millis(300);
            site.drainer()
                .run(&Invocation::Sweep, stop_at)
                .await
                .unwrap();
            runs += 1;
            assert!(
                runs <= 40,
                "{} events after {runs} runs",
                site.topic.accepted().len()
            );
        }
        assert!(runs > 1, "the topic was not slow");
        assert_eq!(site.topic.duplicate_count(), 0);
    });
}

/// The longest that an editor's save may wait while another transaction is open on the same table.
const MAX_SAVE_TIME: &str = "set statement_timeout = '3s'";

/// Saves an author repeatedly until `work` is done, and returns the result of `work`.
async fn save_while<T>(session: &mut PgConnection, work: impl Future<Output = T>) -> T {
    execute(session, MAX_SAVE_TIME).await;
    let is_done = Cell::new(false);
    let working = async {
        let result = work.await;
        is_done.set(true);
        result
    };
    let saving = async {
        let mut saves = 0;
        while !is_done.get() || saves < 20 {
            execute(
                session,
                "update blog_author set bio = bio || '.' where id = 1",
            )
            .await;
            saves += 1;
        }
    };
    tokio::join!(working, saving).0
}

#[test]
fn watching_a_table_that_is_in_use_makes_no_editor_wait() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into blog_author (name, bio) values ('Ann', ''), ('Bob', '')",
        )
        .await;
        execute(
            &mut session,
            "comment on trigger wagrun_capture_row on blog_author is 'of an earlier version'",
        )
        .await;
        let mut long = site.database.connect().await;
        execute(
            &mut long,
            "begin; update blog_author set bio = 'long' where id = 2",
        )
        .await;

        let mut master = site.database.connect().await;
        let stop_at = tokio::time::Instant::now() + Duration::from_secs(5);
        let wanted = [author_table()];
        let watching = schema::watch_tables(&mut master, &wanted, stop_at);
        let refused = save_while(&mut session, watching).await;
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.starts_with("no trigger could be put on blog_author within"),
            "{refused}"
        );
        execute(&mut long, "commit").await;
        schema::watch_tables(&mut master, &[author_table()], in_a_minute())
            .await
            .unwrap();
    });
}

/// Runs all of migrate's own statements beside an editor, on a database with a long history.
#[test]
fn no_migration_of_wagruns_schema_makes_an_editor_wait_however_long_the_history() {
    run(async {
        let database = Database::empty().await;
        let mut master = database.connect().await;
        schema::migrate_to(&mut master, FIRST_SCHEMA_VERSION)
            .await
            .unwrap();
        execute(
            &mut master,
            "create table blog_author (id serial primary key, name varchar(255), bio text);\n\
             insert into blog_author (name, bio) values ('Ann', '');\n\
             insert into wagrun.event (sequence, xid, object, kind, model, captured_at, changed, bytes, settled_at, outcome)
             select n, '3', 'page/' || n, 'page', 'wagtailcore.page', now(), '{}', 0, now(), 'published'
             from generate_series(1, 1000000) as n;\n\
             insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, rings)
             select 3, 'page', 'wagtailcore.page', 'page/' || n, to_jsonb(n), true, false
             from generate_series(1, 100000) as n",
        )
        .await;
        schema::watch_tables(&mut master, &[author_table()], in_a_minute())
            .await
            .unwrap();
        let started = Instant::now();
        let mut session = database.connect().await;
        let migrating = async {
            schema::migrate(&mut master).await.unwrap();
            schema::watch_tables(&mut master, &[author_table()], in_a_minute())
                .await
                .unwrap();
        };
        save_while(&mut session, migrating).await;
        println!(
            "migrated beside a million events in {:?}",
            started.elapsed()
        );
    });
}
