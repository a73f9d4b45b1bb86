//! The editors of a round: sessions with random SQL, and a Wagtail. They go on when the database comes back.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use futures::future::join_all;
use sqlx::{Connection as _, PgConnection};
use tokio::time::sleep;

use super::world::World;
use crate::property::content::NAMED_AUTHORS;
use crate::property::editor::{self, Workload};
use crate::support::database::Database;
use crate::support::python;
use crate::support::site_copy::SiteCopy;
use crate::support::sql::{WEB_ROLE, execute, wait_until_true};

const SQL_EDITORS: usize = 3;
/// The longest pause between two transactions of an editor. Each event becomes three deliveries.
const MAX_PAUSE: Duration = Duration::from_millis(200);
const PAIRS: usize = 4;
/// The time that the topic takes for a batch of a pair.
const PUBLICATION_DELAY: Duration = Duration::from_millis(600);
/// True when everything is published, and no function works.
const AT_REST: &str = "
    select not exists (select from wagrun.outbox)
        and not exists (select from wagrun.event where settled_at is null)
        and not exists (select from wagrun.visibility where decide_at is not null)
        and not exists (select from pg_stat_activity
                        where datname = current_database() and application_name like 'wagrun%')";
const RECONNECT_INTERVAL: Duration = Duration::from_millis(50);

/// Edits until the time is over, and returns a line of figures.
pub async fn edit(
    database: &Database,
    site: &SiteCopy,
    world: &World,
    workload: &Arc<Workload>,
    mut rng: Rng,
) -> String {
    let lost_sessions = AtomicUsize::new(0);
    let url = database.postgres().url_as(WEB_ROLE, &database.name);
    let mut wagtail = Command::new(python::environment("site").await.join("bin/python"));
    wagtail
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/faults/wagtail_editor.py"
        ))
        .arg(rng.u32(..1000).to_string())
        .current_dir(site.directory())
        .env("DATABASE_HOST", "127.0.0.1")
        .env("DATABASE_PORT", world.database_port.to_string())
        .env("DATABASE_NAME", &database.name)
        .env("DATABASE_USER", WEB_ROLE)
        .env("DATABASE_SSL_MODE", "disable")
        .env("DATABASE_AUTH", "none")
        .env("SECRET_KEY", "of a test")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let wagtail = world.supervisor.spawn("wagtail-editor", wagtail).unwrap();
    let editors = (0..SQL_EDITORS).map(|_| {
        let (workload, mut rng) = (workload.clone(), rng.fork());
        let (url, lost_sessions) = (&url, &lost_sessions);
        async move {
            while !workload.is_over() {
                let Ok(mut session) = PgConnection::connect(url).await else {
                    sleep(RECONNECT_INTERVAL).await;
                    continue;
                };
                while !workload.is_over() {
                    sleep(MAX_PAUSE.mul_f64(rng.f64())).await;
                    if editor::send_one(&workload, &mut session, &mut rng, |_| {})
                        .await
                        .is_err()
                    {
                        lost_sessions.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                }
            }
        }
    });
    join_all(editors).await;
    wagtail.check().unwrap();
    wagtail.kill().await.unwrap();
    let log = std::fs::read_to_string(wagtail.log()).unwrap();
    format!(
        "SQL: {} committed, {} rolled back, {} conflicts, {} broken keys, {} lost sessions; Wagtail: {}",
        workload.committed.load(Ordering::Relaxed),
        workload.rolled_back.load(Ordering::Relaxed),
        workload.conflicts.load(Ordering::Relaxed),
        workload.constraints.load(Ordering::Relaxed),
        lost_sessions.load(Ordering::Relaxed),
        log.lines().last().unwrap_or("nothing"),
    )
}

/// Sends pairs of transactions, each pair when everything is at rest, so that no other ring makes up for its own.
///
/// The first one commits after its ring has started a run. The second one commits while the topic still takes the event of the first. It rings for
/// a drainer that finds the lock taken.
pub async fn commit_in_pairs(database: &Database, world: &World) {
    let mut sessions = [
        database.connect_as(WEB_ROLE).await,
        database.connect_as(WEB_ROLE).await,
    ];
    let mut observer = database.observer().await;
    for number in 0..PAIRS {
        wait_until_true(&mut observer, AT_REST).await;
        let calls = world.delay_publication(PUBLICATION_DELAY);
        for (session, (is_after_a_run, author)) in sessions
            .iter_mut()
            .zip([("on", NAMED_AUTHORS[0]), ("off", NAMED_AUTHORS[1])])
        {
            let statements = format!(
                "begin;\nselect set_config('faults.commits_after_a_run', '{is_after_a_run}', true);\n\
                 update blog_author set name = 'pair {number}' where id = {author};\ncommit"
            );
            execute(session, &statements).await;
            world.wait_for_publication(calls).await;
        }
        wait_until_true(&mut observer, AT_REST).await;
    }
    world.delay_publication(Duration::ZERO);
}
