//! Random editors and random drains, checked against the database's own log.
//!
//! Eight editors send random transactions at once, with the statements of Wagtail and with others. Meanwhile drainers sweep, are
//! woken before commits, and are killed. The topic refuses entries or does not answer. At the end the events are compared with
//! the commits in PostgreSQL's logical decoding, in the order of the commits:
//!
//! 1. Nothing is lost: each committed change of an object's own row has an event, and each change of only its parts.
//! 2. Nothing is invented: no event has a value that was rolled back, and each event has a change.
//! 3. The last event of an object shows its row.
//! 4. Events follow commits. The events of the own row are in the order of the commits, with exactly the rows before and after.
//!    The events of parts show a row that was committed then or later.
//! 5. The order of publication is that of `sequence`.
//!
//! A sixth promise is in `serializable`: capture makes no SERIALIZABLE transaction fail.
//!
//! The seed decides the statements and the faults. Their interleaving depends on the machine, so a seed that failed may have to run
//! several times. `WAGRUN_PROPERTY_SEED` sets the seed, `WAGRUN_PROPERTY_SECONDS` the length.

mod actions;
pub mod check;
mod check_tests;
pub mod content;
pub mod decoding;
mod drains;
pub mod editor;
pub mod findings;
mod matching;
pub mod oracle;
mod oracle_tests;
mod part_changes;
pub mod report;
mod serializable;
mod tokens;
pub mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use content_events::Invocation;
use fastrand::Rng;
use sqlx::PgConnection;
use sqlx::types::Json;
use tokio::time::Instant;

use self::drains::RandomDrains;
use self::editor::Workload;
use self::findings::{Check, Finding};
use self::oracle::{Oracle, TABLES};
use self::view::ShownFields;
use crate::support::database::Database;
use crate::support::fake_topic::FakeTopic;
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::sql::{WEB_ROLE, execute, wait_until_no_drainer_is_connected};

const EDITORS: usize = 8;
/// The length of a round. Each round has a database of its own, so that its log stays short.
const ROUND_LENGTH: Duration = Duration::from_secs(10);
/// The seeds of rounds that failed once, which every test run repeats.
const REGRESSION_SEEDS: [u64; 4] = [222_370_068, 3_491_736_437, 4_143_977_130, 3_219_346_749];
const REGRESSION_ROUND_LENGTH: Duration = Duration::from_secs(3);

#[test]
fn random_editors_and_a_random_drain() {
    let seed = from_environment("WAGRUN_PROPERTY_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let seconds = from_environment("WAGRUN_PROPERTY_SECONDS");
    let length = seconds.map_or(ROUND_LENGTH, Duration::from_secs);
    let rounds = length.as_secs().div_ceil(ROUND_LENGTH.as_secs());
    let seeds = seed..seed + rounds;
    run_rounds(seeds, ROUND_LENGTH.min(length));
}

#[test]
fn rounds_that_failed_before() {
    run_rounds(REGRESSION_SEEDS, REGRESSION_ROUND_LENGTH);
}

pub fn from_environment(variable: &str) -> Option<u64> {
    let value = std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())?;
    Some(
        value
            .parse()
            .unwrap_or_else(|error| panic!("{variable}: {value}: {error}")),
    )
}

fn run_rounds(seeds: impl IntoIterator<Item = u64>, length: Duration) {
    for seed in seeds {
        println!("property: seed {seed}, {} s", length.as_secs());
        match run(run_round(seed, length)) {
            Ok(figures) => println!("{figures}"),
            Err(report) => panic!("{report}"),
        }
    }
}

/// Runs one round. Returns its figures, or a report of its violations.
async fn run_round(seed: u64, length: Duration) -> Result<String, String> {
    let site = Arc::new(RelayedSite::on(Database::decoded().await).await);
    let mut superuser = site.database.observer().await;
    let name = site.database.name.clone();
    // Deadlocks are wanted, but not the wait for their detection.
    let hurry =
        format!(r#"alter role {WEB_ROLE} in database "{name}" set deadlock_timeout = '50ms'"#);
    execute(&mut superuser, &hurry).await;
    decoding::start(&mut superuser, &name, &TABLES).await;

    let workload = Arc::new(Workload::new(Instant::now() + length));
    let mut rng = Rng::with_seed(seed);
    content::seed(&mut site.database.connect().await, &workload.content).await;
    let mut oracle = Oracle::new(&decoding::committed(&mut superuser, &name, &TABLES).await);

    let drains = Arc::new(RandomDrains::new(site.clone()));
    edit_and_drain(&site, &workload, &drains, &mut rng).await;
    let drained = drains.wait_for_end().await;
    wait_until_no_drainer_is_connected(&mut superuser).await;
    let before_last_sweep = site.topic.accepted().len();
    let mut report = sweep_until_empty(&site).await;

    let (transactions, rows) = apply_commits(&mut oracle, &mut superuser, &name).await;

    let published = site.topic.accepted();
    let mut findings = check::check(&oracle, &rows, &published);
    findings.extend(check_duplicates(&site.topic));
    for failure in workload.failures.lock().unwrap().iter() {
        report += &format!("\nseed {seed}: a save failed: {failure}");
    }
    report += &report::report(seed, &oracle, &published, &findings);
    let figures = format!(
        "seed {seed}: {} committed, {} rolled back, {} conflicts, {} broken keys; {} transactions decoded, \
         {} objects, {before_last_sweep} of {} events before the last sweep, {} repetitions; {drained}",
        workload.committed.load(Ordering::Relaxed),
        workload.rolled_back.load(Ordering::Relaxed),
        workload.conflicts.load(Ordering::Relaxed),
        workload.constraints.load(Ordering::Relaxed),
        transactions,
        oracle.histories.len(),
        published.len(),
        site.topic.duplicate_count(),
    );
    let server = site.database.postgres();
    server.drop_database(&name).await.unwrap();
    if report.is_empty() {
        Ok(figures)
    } else {
        Err(format!("{figures}\n{report}"))
    }
}

async fn edit_and_drain(
    site: &RelayedSite,
    workload: &Arc<Workload>,
    drains: &Arc<RandomDrains>,
    rng: &mut Rng,
) {
    let mut tasks = Vec::new();
    for _ in 0..EDITORS {
        let session = site.database.connect_as(WEB_ROLE).await;
        let (workload, drains, rng) = (workload.clone(), drains.clone(), rng.fork());
        tasks.push(tokio::spawn(async move {
            let announce = |xid| drains.start(Invocation::Transactions(vec![xid]));
            editor::edit(&workload, session, rng, announce).await;
        }));
    }
    for _ in 0..2 {
        let (workload, drains, rng) = (workload.clone(), drains.clone(), rng.fork());
        tasks.push(tokio::spawn(
            async move { drains.sweep(&workload, rng).await },
        ));
    }
    let (workload, drains, rng) = (workload.clone(), drains.clone(), rng.fork());
    tasks.push(tokio::spawn(async move {
        drains.disturb_topic(&workload, rng).await
    }));
    for task in tasks {
        task.await.unwrap();
    }
}

/// Asserts that one sweep publishes everything and a second one nothing. Returns a report of the difference.
async fn sweep_until_empty(site: &RelayedSite) -> String {
    if let Err(error) = site.sweep().await {
        return format!(
            "\nthe last sweep failed: {}",
            wagrun_lambda::telemetry::chain(&error)
        );
    }
    let published = site.topic.accepted().len();
    if let Err(error) = site.sweep().await {
        return format!(
            "\nthe sweep after the last failed: {}",
            wagrun_lambda::telemetry::chain(&error)
        );
    }
    match site.topic.accepted().len() - published {
        0 => String::new(),
        more => format!("\nthe last sweep left {more} events for the next"),
    }
}

/// Checks that an event that was published again is the same event.
pub fn check_duplicates(topic: &FakeTopic) -> Vec<Finding> {
    let published = topic.accepted();
    let first: BTreeMap<_, _> = published.iter().map(|event| (event.id, event)).collect();
    let repetitions = topic.duplicates().into_iter();
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

/// Applies the commits since the last call to the oracle, and ends the recording. Returns their number, and the objects' own rows.
///
/// Panics if the oracle is wrong about a row.
pub async fn apply_commits(
    oracle: &mut Oracle,
    superuser: &mut PgConnection,
    slot: &str,
) -> (usize, BTreeMap<String, ShownFields>) {
    let transactions = decoding::committed(superuser, slot, &TABLES).await;
    decoding::stop(superuser, slot).await;
    for transaction in &transactions {
        oracle.apply(transaction);
    }
    let rows = own_rows(superuser).await;
    for (object, row) in oracle.own_rows() {
        let shown = view::of_row(&object, &row);
        assert_eq!(
            rows.get(&object),
            Some(&shown),
            "the oracle is wrong about {object}"
        );
    }
    (transactions.len(), rows)
}

/// Returns the objects' own rows, as any session reads them.
async fn own_rows(session: &mut PgConnection) -> BTreeMap<String, ShownFields> {
    let rows: Vec<(String, Json<ShownFields>)> = sqlx::query_as(
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
