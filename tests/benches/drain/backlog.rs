//! Backlogs: changes that wait when the function is woken once.

use std::error::Error;
use std::pin::pin;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::PgConnection;

use crate::function::Function;
use crate::site::{PAGES, Site};
use crate::statistics::{median, mib};
use crate::topic::Topic;

/// The sizes of backlogs, the latency of the topic, the number of runs, and the limit.
const BACKLOGS: [Backlog; 4] = [
    Backlog::new(100, 0, 5, ""),
    Backlog::new(10_000, 0, 3, "25 000 a second"),
    Backlog::new(10_000, 10, 3, "8 × Python"),
    Backlog::new(1_000_000, 0, 1, "memory of 10 000"),
];
/// The most changes of a backlog that are published. Of the million that is the first fifth, because the whole takes minutes.
const MAX_PUBLISHED: i32 = 200_000;
/// The largest backlog of the peer, which would take minutes for more.
const MAX_OF_PEER: i32 = 10_000;

/// Changes that wait.
#[derive(Clone, Copy)]
struct Backlog {
    changes: i32,
    latency: Duration,
    runs: usize,
    limit: &'static str,
}

impl Backlog {
    const fn new(changes: i32, latency_ms: u64, runs: usize, limit: &'static str) -> Self {
        Self {
            changes,
            latency: Duration::from_millis(latency_ms),
            runs,
            limit,
        }
    }
}

/// The measurements of a run.
struct Run {
    per_second: f64,
    cpu_per_event: f64,
    peak: u64,
}

pub async fn run(site: &Site) -> Result<(), Box<dyn Error>> {
    println!(
        "| backlog, SNS | Python, events/s | wagrun, events/s | wagrun : Python | processor per event, µs, Python | wagrun | \
         peak memory, MiB, Python | wagrun | limit |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---|");
    for backlog in BACKLOGS {
        let topic = Topic::start(backlog.latency).await?;
        let mut session = site.owner().await?;
        let wagrun = measure(site, &mut session, &topic, backlog, false).await?;
        let name = format!("{}, {} ms", backlog.changes, backlog.latency.as_millis());
        if backlog.changes > MAX_OF_PEER {
            println!(
                "| {name} | – | {:.0} | – | – | {:.0} | – | {:.1} | {} |",
                wagrun.per_second,
                wagrun.cpu_per_event,
                mib(wagrun.peak),
                backlog.limit
            );
            continue;
        }
        let python = measure(site, &mut session, &topic, backlog, true).await?;
        println!(
            "| {name} | {:.0} | {:.0} | {:.1} | {:.0} | {:.0} | {:.1} | {:.1} | {} |",
            python.per_second,
            wagrun.per_second,
            wagrun.per_second / python.per_second,
            python.cpu_per_event,
            wagrun.cpu_per_event,
            mib(python.peak),
            mib(wagrun.peak),
            backlog.limit
        );
    }
    Ok(())
}

async fn measure(
    site: &Site,
    session: &mut PgConnection,
    topic: &Topic,
    backlog: Backlog,
    is_peer: bool,
) -> Result<Run, Box<dyn Error>> {
    let mut times = Vec::new();
    let mut function = match is_peer {
        true => site.peer(topic).await?,
        false => site.content_events(topic).await?,
    };
    function.ready().await?;
    let before = function.usage()?.cpu;
    let published = backlog.changes.min(MAX_PUBLISHED);
    for _ in 0..backlog.runs {
        match is_peer {
            true => fill_plain(session, backlog.changes).await?,
            false => fill(site, session, backlog.changes).await?,
        }
        times.push(if published < backlog.changes {
            drain_beginning(&function, topic, published).await?
        } else {
            drain(&function, topic, backlog.changes).await?
        });
    }
    let usage = function.usage()?;
    function.stop().await?;
    if published < backlog.changes {
        sqlx::raw_sql("truncate wagrun.outbox")
            .execute(session)
            .await?;
        topic.take_accepted();
    }
    let events = f64::from(published) * backlog.runs as f64;
    Ok(Run {
        per_second: f64::from(published) / median(times).as_secs_f64(),
        cpu_per_event: (usage.cpu - before).as_secs_f64() * 1e6 / events,
        peak: usage.peak,
    })
}

/// Wakes the function until everything is published. Returns the sum of the times.
async fn drain(
    function: &Function,
    topic: &Topic,
    changes: i32,
) -> Result<Duration, Box<dyn Error>> {
    let (mut took, mut published) = (Duration::ZERO, 0);
    let changes = usize::try_from(changes)?;
    while published < changes {
        took += function.invoke(&json!({"sweep": true})).await?;
        let more = topic.take_accepted();
        if more == 0 {
            return Err(format!("{published} of {changes} events were published").into());
        }
        published += more;
    }
    Ok(took)
}

/// Wakes the function, and returns the time until so many of the changes are published.
async fn drain_beginning(
    function: &Function,
    topic: &Topic,
    published: i32,
) -> Result<Duration, Box<dyn Error>> {
    let published = usize::try_from(published)?;
    let began = Instant::now();
    let event = json!({"sweep": true});
    let mut wake = pin!(function.invoke(&event));
    while topic.accepted() < published {
        tokio::select! {
            ended = &mut wake => {
                ended?;
                return Err("the run ended before its part was published".into());
            }
            () = tokio::time::sleep(Duration::from_millis(5)) => {}
        }
    }
    Ok(began.elapsed())
}

/// Changes pages in one transaction each up to ten thousand pages. More changes are copies, as of other transactions.
async fn fill(site: &Site, session: &mut PgConnection, changes: i32) -> Result<(), sqlx::Error> {
    site.fill(session, changes.min(PAGES)).await?;
    for copy in 1..changes / PAGES {
        // A transaction for each copy, so that each is an event.
        sqlx::query(
            "insert into wagrun.outbox (relation, kind, model, object, key, is_own_row, before, after, changed, rings)
             select relation, kind, model, object, key, is_own_row, before, after || jsonb_build_object('title', 'Copy ' || $2),
                 changed, false
             from wagrun.outbox order by position limit $1",
        )
        .bind(PAGES)
        .bind(copy)
        .execute(&mut *session)
        .await?;
    }
    sqlx::raw_sql("vacuum analyze wagrun.outbox, wagrun.event")
        .execute(session)
        .await?;
    Ok(())
}

async fn fill_plain(session: &mut PgConnection, changes: i32) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into plain.outbox (object, old, new)
         select 'page/' || page.id, to_jsonb(page), to_jsonb(page)
         from wagtailcore_page as page join bench_page using (id) where bench_page.number <= $1",
    )
    .bind(changes)
    .execute(&mut *session)
    .await?;
    sqlx::raw_sql("vacuum analyze plain.outbox")
        .execute(session)
        .await?;
    Ok(())
}
