//! The price of capture for the editor, by the same statements in five ways.
//!
//! - Without a trigger.
//! - With the outbox that a team writes first.
//! - With wagrun, whose ring is a line of the server's log, as with `Doorbell=Logs`.
//! - With wagrun, whose ring is a call that takes ten milliseconds.
//! - With such a call for each row.

mod variant;

use std::error::Error;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgConnection};

use crate::site::Site;
use crate::statistics::{median, ms};
use variant::Variant;

/// The time for which each rate is measured, and the number of times, in turns.
const DURATION: Duration = Duration::from_secs(1);
const ROUNDS: usize = 3;
/// The share of the plain outbox's own share that wagrun's is to keep.
const LIMIT: f64 = 0.9;
const EDITORS: [i32; 5] = [1, 2, 4, 8, 16];

/// A statement of an editor, or of a bulk change.
struct Change {
    name: &'static str,
    sql: &'static str,
    runs: usize,
    /// The number of rows that it changes.
    rows: i32,
}

const CHANGES: [Change; 4] = [
    Change {
        name: "one row",
        sql: "update wagtailcore_page set title = 'Row ' || gen_random_uuid()
              where id = (select id from bench_page where number = 1)",
        runs: 200,
        rows: 1,
    },
    Change {
        name: "a page, its own row and that of its type, in a transaction",
        sql: "begin;
              update wagtailcore_page set title = 'Page ' || gen_random_uuid(), last_published_at = now()
              where id = (select id from bench_page where number = 1);
              update blog_blogpage set intro = gen_random_uuid()::text
              where page_ptr_id = (select id from bench_page where number = 1);
              commit",
        runs: 200,
        rows: 2,
    },
    Change {
        name: "1 000 inline children of a page in a statement",
        sql: "update blog_relatedlink set url = 'https://example.org/' || gen_random_uuid()",
        runs: 9,
        rows: 1000,
    },
    Change {
        name: "10 000 pages in a statement",
        sql: "update wagtailcore_page set title = 'Bulk ' || gen_random_uuid() where id in (select id from bench_page)",
        runs: 3,
        rows: 10_000,
    },
];

pub async fn run(site: &Site) -> Result<(), Box<dyn Error>> {
    let mut session = site.owner().await?;
    variant::install(&mut session, &mut site.superuser().await?).await?;
    rates(site, &mut session).await?;
    println!();
    changes(&mut session).await?;
    println!();
    editors(site, &mut session).await?;
    Variant::Logs.switch_to(&mut session).await?;
    Ok(())
}

/// The share of the rate of single updates that is left, by one editor.
async fn rates(site: &Site, session: &mut PgConnection) -> Result<(), Box<dyn Error>> {
    println!(
        "| single updates of a page, a commit each | without, per second | plain outbox, share | wagrun, share | wagrun : plain | limit |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    let variants = [Variant::Without, Variant::Plain, Variant::Logs];
    for (name, mode) in [("waits for the disk", "on"), ("does not wait", "off")] {
        let [without, plain, wagrun] = rate_of_each(site, session, variants, 1, mode).await?;
        let (plain, wagrun) = (plain / without, wagrun / without);
        println!(
            "| {name} | {without:.0} | {plain:.2} | {wagrun:.2} | {:.2} | {LIMIT} |",
            wagrun / plain
        );
    }
    Ok(())
}

/// The same by several editors at once, each at a page of its own.
async fn editors(site: &Site, session: &mut PgConnection) -> Result<(), Box<dyn Error>> {
    println!(
        "| editors at once, saves per second | without | plain outbox | wagrun, by log | wagrun, by a call of 10 ms | by log : plain | \
         by a call : by log |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    let variants = [
        Variant::Without,
        Variant::Plain,
        Variant::Logs,
        Variant::Call,
    ];
    for editors in EDITORS {
        let rates = rate_of_each(site, session, variants, editors, "on").await?;
        let [without, plain, logs, call] = rates;
        println!(
            "| {editors} | {without:.0} | {plain:.0} | {logs:.0} | {call:.0} | {:.2} | {:.2} |",
            logs / plain,
            call / logs
        );
    }
    Ok(())
}

/// Returns the saves per second in each variant, the median of the rounds.
async fn rate_of_each<const N: usize>(
    site: &Site,
    session: &mut PgConnection,
    variants: [Variant; N],
    editors: i32,
    mode: &'static str,
) -> Result<[f64; N], Box<dyn Error>> {
    let mut rates = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (variant, rates) in variants.into_iter().zip(&mut rates) {
            variant.switch_to(session).await?;
            rates.push(rate(site, editors, mode).await?);
        }
    }
    Ok(rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }))
}

async fn rate(site: &Site, editors: i32, mode: &'static str) -> Result<f64, Box<dyn Error>> {
    let mut saving = Vec::new();
    for number in 1..=editors {
        let mut session = site.owner().await?;
        let set = format!("set synchronous_commit = {mode}");
        sqlx::raw_sql(AssertSqlSafe(set))
            .execute(&mut session)
            .await?;
        saving.push(tokio::spawn(save(session, number)));
    }
    let mut saves = 0;
    for editor in saving {
        saves += editor.await??;
    }
    Ok(f64::from(saves) / DURATION.as_secs_f64())
}

async fn save(mut session: PgConnection, number: i32) -> Result<i32, sqlx::Error> {
    let (began, mut saves) = (Instant::now(), 0);
    while began.elapsed() < DURATION {
        sqlx::query(
            "update wagtailcore_page set title = 'Save ' || gen_random_uuid()
             where id = (select id from bench_page where number = $1)",
        )
        .bind(number)
        .execute(&mut session)
        .await?;
        saves += 1;
    }
    Ok(saves)
}

/// The time of one change of each kind.
async fn changes(session: &mut PgConnection) -> Result<(), Box<dyn Error>> {
    println!(
        "| one change, ms | without | plain outbox | wagrun, by log | wagrun, by a call of 10 ms | a call of 10 ms for each row | \
         wagrun − without : plain − without |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for change in &CHANGES {
        let mut times = [const { Vec::new() }; Variant::ALL.len()];
        let runs = change.runs;
        // In turns of some runs each, because a switch takes a lock and makes new plans.
        let in_a_turn = (runs / ROUNDS).max(1);
        for _ in 0..runs.div_ceil(in_a_turn) {
            for (variant, times) in Variant::ALL.into_iter().zip(&mut times) {
                if variant == Variant::CallForEachRow && change.rows > 100 {
                    continue;
                }
                variant.switch_to(session).await?;
                for _ in 0..in_a_turn {
                    let began = Instant::now();
                    sqlx::raw_sql(change.sql).execute(&mut *session).await?;
                    times.push(began.elapsed());
                }
            }
        }
        let [without, plain, logs, call, each_row] = times.map(|times| match times.is_empty() {
            true => None,
            false => Some(ms(median(times))),
        });
        let text = |time: Option<f64>| match time {
            Some(time) => format!("{time:.2}"),
            None => format!("{} by its calls alone", change.rows * 10),
        };
        let more = |time: Option<f64>| time.unwrap_or_default() - without.unwrap_or_default();
        println!(
            "| {} | {} | {} | {} | {} | {} | {:.2} |",
            change.name,
            text(without),
            text(plain),
            text(logs),
            text(call),
            text(each_row),
            more(logs) / more(plain)
        );
    }
    Ok(())
}
