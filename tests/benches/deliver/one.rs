//! One copy of each function and one subscriber with ten thousand events: where a delivery's time goes, and whether memory
//! grows.
//!
//! The parts of a delivery are differences between runs of the real program: to a subscriber that is gone, which costs
//! the invocation and its line in the log; to one with a secret; to one with many, each of which signs; and to one by TLS.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use testing::checkout;
use testing::fleet::events::{EVENT_SIZE, events};
use testing::fleet::programs::{Usage, usage};
use testing::fleet::receivers::SECRET;
use testing::fleet::tls::Certificate;
use testing::fleet::{Fleet, FleetOptions, SUBSCRIBERS_PATH, healthy};
use testing::process::{Process, Supervisor};

use crate::crew::Crew;
use crate::statistics::{ONE_PROCESSOR, ms};

const EVENTS: usize = 10_000;
const PAGES: usize = 100;
/// When memory is looked at, in deliveries.
const LOOKS: [usize; 3] = [100, 1000, EVENTS];
/// How often each delivery is signed in the run that shows what one signature takes.
const SIGNATURES: u32 = 101;

/// What one delivery took.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// One run.
struct Run {
    cost: Cost,
    memory: Vec<Usage>,
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    let directory = Supervisor::start("bench", &checkout().join(".local/logs"))?;
    let certificate = certificate(directory.directory())?;
    let once = Variant {
        who: Who::Deliver,
        certificate: None,
        signatures: 1,
        is_there: true,
    };
    let by_tls = Variant {
        certificate: Some(certificate),
        ..once.clone()
    };
    let (fan_out, plain) = measure(&once).await?;
    let (_, tls) = measure(&by_tls).await?;
    let signatures = SIGNATURES;
    let (_, signed) = measure(&Variant {
        signatures,
        ..once.clone()
    })
    .await?;
    let (_, dropped) = measure(&Variant {
        is_there: false,
        ..once.clone()
    })
    .await?;
    let who = Who::Python;
    let (_, python) = measure(&Variant { who, ..once }).await?;
    let (_, python_tls) = measure(&Variant { who, ..by_tls }).await?;

    parts(&Parts {
        plain: plain.cost,
        tls: tls.cost,
        signed: signed.cost,
        dropped: dropped.cost,
    });
    rates("https", tls.cost, python_tls.cost);
    rates("http", plain.cost, python.cost);
    println!();
    memory(&[
        ("fan-out", &fan_out),
        ("deliver, http", &plain),
        ("deliver, https", &tls),
        ("Python, https", &python_tls),
    ]);
    Ok(())
}

/// The runs that a delivery's parts are differences of.
struct Parts {
    plain: Cost,
    tls: Cost,
    signed: Cost,
    dropped: Cost,
}

fn parts(runs: &Parts) {
    let of = |time: fn(Cost) -> Duration| {
        let (plain, dropped) = (time(runs.plain), time(runs.dropped));
        let signing = time(runs.signed).saturating_sub(plain) / (SIGNATURES - 1);
        let http = plain.saturating_sub(dropped).saturating_sub(signing);
        let all = time(runs.tls);
        [signing, http, all.saturating_sub(plain), dropped, all]
    };
    let (wall, cpu) = (of(|cost| cost.wall), of(|cost| cost.cpu));
    println!(
        "| one delivery of {EVENT_SIZE} bytes | elapsed, ms | processor, ms | of the processor |"
    );
    println!("|---|---:|---:|---:|");
    let names = [
        "signing (`v1`)",
        "HTTP on a new connection",
        "its TLS 1.3 handshake",
        "queue and runtime",
        "all",
    ];
    for (index, name) in names.iter().enumerate() {
        let share = cpu[index].as_secs_f64() / cpu[4].as_secs_f64() * 100.0;
        let (wall, cpu) = (ms(wall[index]), ms(cpu[index]));
        println!("| {name} | {wall:.3} | {cpu:.3} | {share:.0} % |");
    }
    println!();
    println!("| deliveries per second and function | wagrun | Python | wagrun : Python |");
    println!("|---|---:|---:|---:|");
}

fn rates(scheme: &str, ours: Cost, python: Cost) {
    let row = |name: &str, ours: f64, python: f64| {
        println!(
            "| {scheme}, {name} | {ours:.0} | {python:.0} | {:.2} |",
            ours / python
        );
    };
    let measured = |cost: Cost| 1.0 / cost.wall.as_secs_f64();
    row(
        "measured, a whole processor",
        measured(ours),
        measured(python),
    );
    for memory in [128.0, 256.0] {
        let estimated = |cost: Cost| memory / ONE_PROCESSOR / cost.cpu.as_secs_f64();
        row(
            &format!("{memory} MB, estimated"),
            estimated(ours),
            estimated(python),
        );
    }
}

fn memory(runs: &[(&str, &Run)]) {
    println!("| resident, MiB, after | 100 | 1 000 | 10 000 | 10 000 : 100 |");
    println!("|---|---:|---:|---:|---:|");
    for (name, run) in runs {
        let at = |index: usize| run.memory[index].resident as f64 / 1024.0;
        let growth = at(2) / at(0);
        println!(
            "| {name} | {:.1} | {:.1} | {:.1} | {growth:.2} |",
            at(0),
            at(1),
            at(2)
        );
    }
    println!();
}

/// Who delivers.
#[derive(Clone, Copy, PartialEq)]
enum Who {
    Deliver,
    /// What one would write in Python.
    Python,
}

/// How each delivery is made.
#[derive(Clone)]
struct Variant {
    who: Who,
    certificate: Option<Certificate>,
    signatures: u32,
    /// Whether there is still a subscriber by then.
    is_there: bool,
}

/// Fans out all events, then delivers them; a run of each function.
async fn measure(variant: &Variant) -> Result<(Run, Run), Box<dyn Error>> {
    let mut crew = Crew::new(FleetOptions {
        certificate: variant.certificate.clone(),
        ..FleetOptions::new(healthy(1))
    })
    .await?;
    let events = events(EVENTS, PAGES);
    let processes = crew.start_fan_out(1).await?;
    crew.fleet.publish_all(&events);
    let fan_out = watch(&crew, &processes[0], |fleet| fleet.deliveries.lock().len()).await?;

    change_subscriber(&crew.fleet, variant);
    if variant.who == Who::Python {
        let program = checkout().join("tests/benches/deliver/naive.py");
        crew.deliver_by("naive", vec![python(), program]);
    }
    let processes = crew.start_deliver(1).await?;
    let left = |fleet: &Fleet| EVENTS - fleet.deliveries.lock().len();
    let deliver = watch(&crew, &processes[0], left).await?;
    if variant.is_there {
        let audit = crew.fleet.audit(&events);
        assert!(
            audit.is_consistent() && audit.accepted == EVENTS,
            "{audit:?}"
        );
    }
    Ok((fan_out, deliver))
}

fn python() -> PathBuf {
    checkout().join(".local/venv/webhooks/bin/python")
}

fn certificate(directory: &Path) -> Result<Certificate, Box<dyn Error>> {
    let program = checkout().join("tests/benches/deliver/certificate.py");
    let status = Command::new(python())
        .arg(program)
        .arg(directory)
        .status()?;
    if !status.success() {
        return Err(format!("certificate.py ended with {status}").into());
    }
    Ok(Certificate::in_directory(directory))
}

fn change_subscriber(fleet: &Fleet, variant: &Variant) {
    for name in fleet.receivers.behaviors().keys() {
        let parameter = format!("{SUBSCRIBERS_PATH}/{name}");
        if !variant.is_there {
            fleet.services.parameters().remove(&parameter);
            continue;
        }
        let value = json!({
            "target": "webhook",
            "url": fleet.receivers.url(name),
            "secrets": vec![SECRET; variant.signatures as usize],
        });
        fleet
            .services
            .parameters()
            .set(&parameter, value.to_string());
    }
}

/// Looks on while a process does [`EVENTS`] things; what each took, without the first hundred, by which it is warm.
async fn watch(
    crew: &Crew,
    process: &Process,
    done: impl Fn(&Fleet) -> usize,
) -> Result<Run, Box<dyn Error>> {
    let mut memory = Vec::new();
    let mut begun = None;
    for look in LOOKS {
        // Looking costs more than waiting, so it is seldom, and what was done since is counted.
        while done(&crew.fleet) < look {
            tokio::time::sleep(Duration::from_millis(2)).await;
            process.check()?;
        }
        let now = (Instant::now(), done(&crew.fleet), usage(process)?);
        memory.push(now.2);
        begun.get_or_insert(now);
    }
    let (started, first, before) = begun.ok_or("nothing was looked at")?;
    let (elapsed, after) = (started.elapsed(), usage(process)?);
    let count = u32::try_from(EVENTS - first)?;
    Ok(Run {
        cost: Cost {
            wall: elapsed / count,
            cpu: (after.cpu - before.cpu) / count,
        },
        memory,
    })
}
