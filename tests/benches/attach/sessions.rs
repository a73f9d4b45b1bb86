//! Editors, visitors and an import, in the statements that Wagtail makes of them. SQL, because a lock would hide behind Python's time.

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::database::{PAGES, SiteDatabase};

/// A person's pause, of the shortest kind.
const PAUSE: Duration = Duration::from_millis(10);
/// The time for which an import holds what it has changed, and its pause before the next one.
const IMPORT: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(1));

/// A published page, as its transactions in Wagtail: a revision, the page, what belongs to it. And an image that is described.
const SAVE: &[&[&str]] = &[
    &[
        "with revision as (
             insert into wagtailcore_revision (content_type_id, base_content_type_id, object_id, object_str, created_at, content)
             select content_type_id, content_type_id, id::text, title, now(), jsonb_build_object('title', title)
             from wagtailcore_page where id = (select id from bench_page where number = $1) returning id)
         update wagtailcore_page set latest_revision_id = revision.id, has_unpublished_changes = true
         from revision where wagtailcore_page.id = (select id from bench_page where number = $1)",
    ],
    &[
        "update wagtailcore_page set title = 'Page at ' || clock_timestamp(), last_published_at = now(), has_unpublished_changes = false,
             live_revision_id = latest_revision_id
         where id = (select id from bench_page where number = $1)",
        "update blog_blogpage set intro = 'At ' || clock_timestamp() where page_ptr_id = (select id from bench_page where number = $1)",
    ],
    &["update wagtailimages_image set title = 'At ' || clock_timestamp() where id = (select id from bench_image where number = $1)"],
];
const READ: &[&[&str]] = &[&["select page.title, blog_blogpage.body from wagtailcore_page as page
     join blog_blogpage on page_ptr_id = page.id where page.id = (select id from bench_page where number = $1)"]];

/// The work of a session, over and over.
#[derive(Clone, Copy)]
pub enum Work {
    Save,
    Read,
    /// One transaction of seconds over all tables.
    Import,
}

type Log = Arc<Mutex<Vec<(Instant, Duration)>>>;

/// Sessions that do the same work until they are stopped.
pub struct Sessions {
    stopped: Arc<AtomicBool>,
    log: Log,
    tasks: Vec<JoinHandle<Result<(), sqlx::Error>>>,
}

impl Sessions {
    /// Starts so many. Each has pages of its own, so that none waits for a row of another.
    pub async fn start(
        database: &SiteDatabase,
        work: Work,
        count: i32,
    ) -> Result<Self, sqlx::Error> {
        let (stopped, log) = (Arc::new(AtomicBool::new(false)), Log::default());
        let mut tasks = Vec::new();
        for number in 0..count {
            let connection = database.session().await?;
            let task = run(
                connection,
                work,
                number,
                count,
                stopped.clone(),
                log.clone(),
            );
            tasks.push(tokio::spawn(task));
        }
        Ok(Self {
            stopped,
            log,
            tasks,
        })
    }

    /// Returns the times of everything that was under way at some moment of the period.
    pub fn since(&self, began: Instant, took: Duration) -> Vec<Duration> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let overlaps =
            |(at, time): &&(Instant, Duration)| *at <= began + took && *at + *time >= began;
        log.iter().filter(overlaps).map(|(_, time)| *time).collect()
    }

    /// Ends the sessions, and fails if one of them failed.
    pub async fn stop(self) -> Result<(), Box<dyn Error>> {
        self.stopped.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await??;
        }
        Ok(())
    }
}

async fn run(
    mut connection: PgConnection,
    work: Work,
    first: i32,
    step: i32,
    stopped: Arc<AtomicBool>,
    log: Log,
) -> Result<(), sqlx::Error> {
    let mut number = first;
    while !stopped.load(Ordering::Relaxed) {
        number += step;
        // Of the import is the first page, which nobody else edits.
        let page = number % (PAGES - 1) + 2;
        let began = Instant::now();
        match work {
            Work::Save => transactions(&mut connection, SAVE, page).await?,
            Work::Read => transactions(&mut connection, READ, page).await?,
            Work::Import => {
                let mut transaction = connection.begin().await?;
                for statement in SAVE.concat() {
                    sqlx::query(statement)
                        .bind(1)
                        .execute(&mut *transaction)
                        .await?;
                }
                sleep(IMPORT.0).await;
                transaction.commit().await?;
                sleep(IMPORT.1).await;
            }
        }
        let done = (began, began.elapsed());
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(done);
        sleep(PAUSE).await;
    }
    connection.close().await
}

async fn transactions(
    connection: &mut PgConnection,
    transactions: &'static [&'static [&'static str]],
    page: i32,
) -> Result<(), sqlx::Error> {
    for statements in transactions {
        let mut transaction = connection.begin().await?;
        for statement in *statements {
            sqlx::query(*statement)
                .bind(page)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// The number of times, and two of them.
pub struct Durations {
    pub count: usize,
    pub median: Duration,
    pub longest: Duration,
}

impl Durations {
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self {
            count: times.len(),
            median: times.get(times.len() / 2).copied().unwrap_or_default(),
            longest: times.last().copied().unwrap_or_default(),
        }
    }
}
