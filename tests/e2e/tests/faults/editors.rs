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
use crate::property::editor::{self, Workload};
use crate::support::database::Database;
use crate::support::python;
use crate::support::site_copy::SiteCopy;
use crate::support::sql::WEB_ROLE;

const SQL_EDITORS: usize = 3;
/// The longest pause between two transactions of an editor. Each event becomes three deliveries.
const MAX_PAUSE: Duration = Duration::from_millis(200);
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
