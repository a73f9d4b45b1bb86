//! Bursts: editors who save one page after the other, and a doorbell that takes ten milliseconds.
//!
//! Each commit rings in one variant, as it does when no run is present. In the other one a commit may skip its ring. The doorbell is a
//! function in the place of `aws_lambda`, which sleeps and writes the ring into a pipe. Two copies of content-events answer, as the
//! template allows.

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::unix::pipe;
use tokio::sync::{Mutex, Notify};

use crate::function::Function;
use crate::site::Site;
use crate::statistics::ms;
use crate::topic::Topic;

const COPIES: usize = 2;
const EDITORS: [i32; 2] = [1, 8];
const DURATION: Duration = Duration::from_secs(4);
/// Each variant is measured so often, in turns.
const ROUNDS: usize = 3;
/// The longest time from the last save until everything is published.
const TIMEOUT: Duration = Duration::from_secs(60);
const SNS_LATENCY: Duration = Duration::from_millis(10);

/// The commit's own answer to whether two runs are present, without which it never skips its ring.
const ALWAYS_RING: &str = "create or replace function wagrun.are_two_present() returns boolean language sql volatile return false";

/// Measurements of one variant.
#[derive(Default)]
struct Burst {
    saves: usize,
    rings: usize,
    saving: Duration,
    /// The longest time from the end of a round's last save until everything was published.
    rest: Duration,
}

pub async fn run(site: &Site) -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("wagrun-burst-{}", std::process::id()));
    std::fs::create_dir(&directory)?;
    let measured = measure_all(site, &directory).await;
    std::fs::remove_dir_all(&directory)?;
    measured
}

async fn measure_all(site: &Site, directory: &Path) -> Result<(), Box<dyn Error>> {
    let doorbell = directory.join("doorbell");
    // The server runs as another user.
    let made = Command::new("mkfifo")
        .args(["-m", "666"])
        .arg(&doorbell)
        .status()?;
    if !made.success() {
        return Err(format!("mkfifo ended with {made}").into());
    }
    install(site, &doorbell).await?;
    let mut owner = site.owner().await?;
    let skipping: String =
        sqlx::query_scalar("select pg_get_functiondef('wagrun.are_two_present'::regproc)")
            .fetch_one(&mut owner)
            .await?;
    println!(
        "| editors, doorbell of 10 ms | saves/s, each rings | saves/s, rings may be skipped | ratio | rings per save | \
         all published after the last save, ms, each rings | rings may be skipped |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    for editors in EDITORS {
        let (mut ringing, mut skipped) = (Burst::default(), Burst::default());
        for _ in 0..ROUNDS {
            for (variant, definition) in [
                (&mut ringing, ALWAYS_RING),
                (&mut skipped, skipping.as_str()),
            ] {
                sqlx::raw_sql(AssertSqlSafe(definition.to_owned()))
                    .execute(&mut owner)
                    .await?;
                measure(site, &doorbell, editors, variant).await?;
            }
        }
        let rate = |burst: &Burst| burst.saves as f64 / burst.saving.as_secs_f64();
        println!(
            "| {editors} | {:.0} | {:.0} | {:.2} | {:.3} | {:.0} | {:.0} |",
            rate(&ringing),
            rate(&skipped),
            rate(&skipped) / rate(&ringing),
            skipped.rings as f64 / skipped.saves as f64,
            ms(ringing.rest),
            ms(skipped.rest),
        );
    }
    Ok(())
}

/// Puts a function in the place of `aws_lambda` that takes ten milliseconds.
async fn install(site: &Site, doorbell: &Path) -> Result<(), Box<dyn Error>> {
    let mut superuser = site.superuser().await?;
    let statement = format!(
        "create schema aws_lambda; grant usage on schema aws_lambda to public;
         create function aws_lambda.invoke(
             function_name text, payload jsonb, invocation_type text, out status_code integer, out answer text)
         language plpgsql security definer as $$ begin
             perform pg_sleep(0.010);
             execute format('copy (select %L) to %L', payload ->> 'xid', '{}');
             status_code := 202;
         end $$;
         insert into wagrun.setting (name, value) values ('doorbell_function', 'content-events')
         on conflict (name) do update set value = excluded.value",
        doorbell.display()
    );
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut superuser)
        .await?;
    Ok(())
}

/// The rings that no copy has answered yet.
#[derive(Default)]
struct Rings {
    waiting: Mutex<VecDeque<String>>,
    arrived: Notify,
    count: AtomicUsize,
}

async fn measure(
    site: &Site,
    doorbell: &Path,
    editors: i32,
    burst: &mut Burst,
) -> Result<(), Box<dyn Error>> {
    let topic = Topic::start(SNS_LATENCY).await?;
    let rings = Arc::new(Rings::default());
    let listening = tokio::spawn(listen(doorbell.to_owned(), Arc::clone(&rings)));
    let mut copies = Vec::new();
    for _ in 0..COPIES {
        let mut function = site.content_events(&topic).await?;
        function.ready().await?;
        copies.push(tokio::spawn(answer(function, Arc::clone(&rings))));
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let mut saving = Vec::new();
    let began = Instant::now();
    for editor in 1..=editors {
        let session = site.owner().await?;
        saving.push(tokio::spawn(save(session, editor, Arc::clone(&is_over))));
    }
    tokio::time::sleep(DURATION).await;
    is_over.store(true, Ordering::Relaxed);
    let mut saves = 0;
    for editor in saving {
        saves += editor.await??;
    }
    burst.saving += began.elapsed();
    let ended = Instant::now();
    let mut published = topic.take_accepted();
    while published < saves {
        if ended.elapsed() > TIMEOUT {
            return Err(format!("{published} of {saves} saves were published").into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        published += topic.take_accepted();
    }
    burst.rest = burst.rest.max(ended.elapsed());
    burst.saves += saves;
    burst.rings += rings.count.load(Ordering::Relaxed);
    listening.abort();
    copies.iter().for_each(|copy| copy.abort());
    Ok(())
}

async fn save(
    mut session: PgConnection,
    editor: i32,
    is_over: Arc<AtomicBool>,
) -> Result<usize, sqlx::Error> {
    let mut saves = 0;
    while !is_over.load(Ordering::Relaxed) {
        sqlx::query(
            "update wagtailcore_page set title = 'Burst ' || gen_random_uuid()
             where id = (select id from bench_page where number = $1)",
        )
        .bind(editor)
        .execute(&mut session)
        .await?;
        saves += 1;
    }
    Ok(saves)
}

async fn listen(doorbell: PathBuf, rings: Arc<Rings>) -> std::io::Result<()> {
    // Open for writing too, so that the pipe does not end between two rings.
    let receiver = pipe::OpenOptions::new()
        .read_write(true)
        .open_receiver(doorbell)?;
    let mut lines = BufReader::new(receiver).lines();
    while let Some(xid) = lines.next_line().await? {
        rings.count.fetch_add(1, Ordering::Relaxed);
        rings.waiting.lock().await.push_back(xid);
        rings.arrived.notify_one();
    }
    Ok(())
}

/// Invokes one copy for one ring after the other, as Lambda does.
async fn answer(function: Function, rings: Arc<Rings>) {
    loop {
        let next = rings.waiting.lock().await.pop_front();
        match next {
            // A run that fails leaves its events to the next one. At the end all of them must have been published.
            Some(xid) => _ = function.invoke(&json!({"xid": xid})).await,
            None => rings.arrived.notified().await,
        }
    }
}
