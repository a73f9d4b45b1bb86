//! Random editors, a random drain, and the database's own log as the judge.
//!
//! Eight editors send random transactions at once, in what Wagtail sends and some that it does not. Meanwhile drainers
//! sweep, are woken before commits and are killed, and the topic refuses entries or does not answer. At the end
//! everything is compared with what PostgreSQL's logical decoding says was committed, in the order of the commits:
//!
//! 1. Nothing is lost: each committed change of an object's own row has an event, and each change of its parts alone.
//! 2. Nothing is invented: no value that was rolled back is in any event, and no event is without a change.
//! 3. The last event of an object is its row.
//! 4. Events follow commits: those of the own row are in commit order, with exactly the row before and after; those of
//!    parts alone show a row that was committed when the part was, or later.
//! 5. Publication follows `sequence`.
//!
//! A sixth, that capture makes no SERIALIZABLE transaction fail, is in `serializable`.
//!
//! The seed decides what is sent and what is done to the drain; how it meets is up to the machine, so a seed that failed may have to run
//! several times. `WAGRUN_PROPERTY_SEED` sets it, `WAGRUN_PROPERTY_SECONDS` the length.

mod actions;
mod check;
#[cfg(test)]
mod check_tests;
pub mod content;
mod decoding;
mod drains;
mod editor;
mod matching;
mod oracle;
#[cfg(test)]
mod oracle_tests;
mod parts;
mod report;
pub mod serializable;
mod tokens;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use content_events::Invocation;
use fastrand::Rng;
use sqlx::PgConnection;
use sqlx::types::Json;
use tokio::time::Instant;

use self::check::{Check, Finding};
use self::drains::Drains;
use self::editor::Desk;
use self::oracle::{Oracle, TABLES};
use self::view::Shown;
use crate::databases::{Database, WEB, execute, run};
use crate::relayed_site::{RelayedSite, no_drainer_is_connected};

const EDITORS: usize = 8;
/// A round has a database of its own, so that its log stays short.
const ROUND: Duration = Duration::from_secs(10);
/// Seeds of rounds that failed before, and how long each is played.
const FAILED_BEFORE: [u64; 4] = [222_370_068, 3_491_736_437, 4_143_977_130, 3_219_346_749];
const ROUND_THAT_FAILED_BEFORE: Duration = Duration::from_secs(3);

#[test]
fn random_editors_and_a_random_drain() {
    let seed = from_environment("WAGRUN_PROPERTY_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let seconds = from_environment("WAGRUN_PROPERTY_SECONDS");
    let length = seconds.map_or(ROUND, Duration::from_secs);
    let rounds = length.as_secs().div_ceil(ROUND.as_secs());
    let seeds = seed..seed + rounds;
    play(seeds, ROUND.min(length));
}

#[test]
fn rounds_that_failed_before() {
    play(FAILED_BEFORE, ROUND_THAT_FAILED_BEFORE);
}

fn from_environment(variable: &str) -> Option<u64> {
    let value = std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())?;
    Some(
        value
            .parse()
            .unwrap_or_else(|error| panic!("{variable}: {value}: {error}")),
    )
}

fn play(seeds: impl IntoIterator<Item = u64>, length: Duration) {
    for seed in seeds {
        println!("property: seed {seed}, {} s", length.as_secs());
        match run(round(seed, length)) {
            Ok(figures) => println!("{figures}"),
            Err(report) => panic!("{report}"),
        }
    }
}

/// The figures of a round, or what it found.
async fn round(seed: u64, length: Duration) -> Result<String, String> {
    let site = Arc::new(RelayedSite::on(Database::decoded().await).await);
    let mut superuser = site.database.observer().await;
    let name = site.database.name.clone();
    // Deadlocks are wanted, waiting for them is not.
    let hurry = format!(r#"alter role {WEB} in database "{name}" set deadlock_timeout = '50ms'"#);
    execute(&mut superuser, &hurry).await;
    decoding::start(&mut superuser, &name, &TABLES).await;

    let desk = Arc::new(Desk::new(Instant::now() + length));
    let mut rng = Rng::with_seed(seed);
    content::seed(&mut site.database.connect().await, &desk.content).await;
    let mut oracle = Oracle::new(&decoding::committed(&mut superuser, &name).await);

    let drains = Arc::new(Drains::new(site.clone()));
    edit_and_drain(&site, &desk, &drains, &mut rng).await;
    let drained = drains.ended().await;
    no_drainer_is_connected(&mut superuser).await;
    let before_last_sweep = site.topic.taken().len();
    let mut report = last_sweep(&site).await;

    let transactions = decoding::committed(&mut superuser, &name).await;
    decoding::stop(&mut superuser, &name).await;
    for transaction in &transactions {
        oracle.take(transaction);
    }
    let rows = own_rows(&mut superuser).await;
    for (object, row) in oracle.own_rows() {
        let shown = view::of_row(&object, &row);
        assert_eq!(
            rows.get(&object),
            Some(&shown),
            "the oracle is wrong about {object}"
        );
    }

    let taken = site.topic.taken();
    let mut findings = check::check(&oracle, &rows, &taken);
    findings.extend(repetitions(&site));
    for failure in desk.failures.lock().unwrap().iter() {
        report += &format!("\nseed {seed}: a save failed: {failure}");
    }
    report += &report::report(seed, &oracle, &taken, &findings);
    let figures = format!(
        "seed {seed}: {} committed, {} rolled back, {} conflicts, {} broken keys; {} transactions decoded, \
         {} objects, {before_last_sweep} of {} events before the last sweep, {} repetitions; {drained}",
        desk.committed.load(Ordering::Relaxed),
        desk.rolled_back.load(Ordering::Relaxed),
        desk.conflicts.load(Ordering::Relaxed),
        desk.constraints.load(Ordering::Relaxed),
        transactions.len(),
        oracle.histories.len(),
        taken.len(),
        site.topic.repeated(),
    );
    let server = site.database.postgres();
    server.drop_database(&name).await.unwrap();
    if report.is_empty() {
        Ok(figures)
    } else {
        Err(format!("{figures}\n{report}"))
    }
}

async fn edit_and_drain(site: &RelayedSite, desk: &Arc<Desk>, drains: &Arc<Drains>, rng: &mut Rng) {
    let mut tasks = Vec::new();
    for _ in 0..EDITORS {
        let session = site.database.connect_as(WEB).await;
        let (desk, drains, rng) = (desk.clone(), drains.clone(), rng.fork());
        tasks.push(tokio::spawn(async move {
            let announce = |xid| drains.start(Invocation::Transactions(vec![xid]));
            editor::edit(&desk, session, rng, announce).await;
        }));
    }
    for _ in 0..2 {
        let (desk, drains, rng) = (desk.clone(), drains.clone(), rng.fork());
        tasks.push(tokio::spawn(async move { drains.sweep(&desk, rng).await }));
    }
    let (desk, drains, rng) = (desk.clone(), drains.clone(), rng.fork());
    tasks.push(tokio::spawn(async move { drains.topic(&desk, rng).await }));
    for task in tasks {
        task.await.unwrap();
    }
}

/// One sweep brings everything, and another finds nothing.
async fn last_sweep(site: &RelayedSite) -> String {
    if let Err(error) = site.sweep().await {
        return format!(
            "\nthe last sweep failed: {}",
            wagrun_lambda::telemetry::chain(&error)
        );
    }
    let taken = site.topic.taken().len();
    if let Err(error) = site.sweep().await {
        return format!(
            "\nthe sweep after the last failed: {}",
            wagrun_lambda::telemetry::chain(&error)
        );
    }
    match site.topic.taken().len() - taken {
        0 => String::new(),
        more => format!("\nthe last sweep left {more} events for the next"),
    }
}

/// What is published again is the same event.
fn repetitions(site: &RelayedSite) -> Vec<Finding> {
    let taken = site.topic.taken();
    let first: BTreeMap<_, _> = taken.iter().map(|event| (event.id, event)).collect();
    let repetitions = site.topic.repetitions().into_iter();
    let differ = repetitions.filter(|event| {
        let first = first[&event.id];
        (&first.sequence, &first.kind) != (&event.sequence, &event.kind)
            || view::of_event(first) != view::of_event(event)
    });
    differ
        .map(|event| Finding {
            check: Check::PublicationFollowsSequence,
            object: event.subject.clone(),
            message: format!("{event:?} was published again for {:?}", first[&event.id]),
            xid: None,
            sequence: Some(event.sequence),
        })
        .collect()
}

/// The objects' own rows as any session reads them.
async fn own_rows(session: &mut PgConnection) -> BTreeMap<String, Shown> {
    let rows: Vec<(String, Json<Shown>)> = sqlx::query_as(
        "select 'page/' || id, to_jsonb(page) from wagtailcore_page as page
         union all select 'blog.author/' || id, to_jsonb(author) from blog_author as author
         union all select 'image/' || id, to_jsonb(image) from wagtailimages_image as image",
    )
    .fetch_all(session)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(object, row)| {
            let shown = view::of_fields(&object, &row);
            (object, shown)
        })
        .collect()
}
