//! Measures the time of one delivery, and the memory over ten thousand events. There is one copy of each function and one
//! subscriber.
//!
//! The parts of a delivery are differences between runs of the real program. One run has no subscriber any more, so that it
//! measures the invocation and its log line. The others have a subscriber with one secret, with many secrets, and by TLS. Each
//! secret is one signature.

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

use crate::statistics::{MEMORY_OF_ONE_PROCESSOR, ms};
use crate::workers::Workers;

/// The events of the runs that show memory, and of those that show only the time of a delivery.
const MANY: usize = 10_000;
const FEW: usize = 3_000;
const PAGES: usize = 100;
/// The numbers of deliveries after which a run is measured. Each run ends with one of them.
const MEASURING_POINTS: [usize; 4] = [100, 1000, FEW, MANY];
/// The number of signatures of each delivery in the run that measures signing.
const SIGNATURES: u32 = 101;

/// The time of one delivery.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// The measurements of one run.
struct Run {
    cost: Cost,
    memory: Vec<Usage>,
}

pub async fn run() -> Result<(), Box<dyn Error>> {
    let directory = Supervisor::start("bench", &checkout().join(".local/logs"))?;
    let certificate = certificate(directory.directory())?;
    let few = Variant {
        implementation: Implementation::Deliver,
        events: FEW,
        certificate: None,
        signatures: 1,
        has_subscriber: true,
    };
    let few_by_tls = Variant {
        certificate: Some(certificate),
        ..few.clone()
    };
    let many = |variant: &Variant| Variant {
        events: MANY,
        ..variant.clone()
    };
    let by_python = |variant: &Variant| Variant {
        implementation: Implementation::Python,
        ..variant.clone()
    };
    let (fan_out, plain) = measure(&many(&few)).await?;
    let (_, tls) = measure(&many(&few_by_tls)).await?;
    let (_, signed) = measure(&Variant {
        signatures: SIGNATURES,
        ..few.clone()
    })
    .await?;
    let (_, dropped) = measure(&Variant {
        has_subscriber: false,
        ..few.clone()
    })
    .await?;
    let (_, python) = measure(&by_python(&few)).await?;
    let (_, python_tls) = measure(&by_python(&few_by_tls)).await?;

    print_parts(&Parts {
        plain: plain.cost,
        tls: tls.cost,
        signed: signed.cost,
        dropped: dropped.cost,
    });
    print_rates("https", tls.cost, python_tls.cost);
    print_rates("http", plain.cost, python.cost);
    println!();
    print_memory(&[
        ("fan-out", &fan_out),
        ("deliver, http", &plain),
        ("deliver, https", &tls),
        ("Python, https", &python_tls),
    ]);
    Ok(())
}

/// The runs whose differences are the parts of a delivery.
struct Parts {
    plain: Cost,
    tls: Cost,
    signed: Cost,
    dropped: Cost,
}

fn print_parts(runs: &Parts) {
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

fn print_rates(scheme: &str, ours: Cost, python: Cost) {
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
        let estimated = |cost: Cost| memory / MEMORY_OF_ONE_PROCESSOR / cost.cpu.as_secs_f64();
        row(
            &format!("{memory} MB, estimated"),
            estimated(ours),
            estimated(python),
        );
    }
}

fn print_memory(runs: &[(&str, &Run)]) {
    println!("| resident, MiB, after | 100 | 1 000 | 3 000 | 10 000 | the last : 100 |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (name, run) in runs {
        let memory: Vec<f64> = run
            .memory
            .iter()
            .map(|it| it.resident as f64 / 1024.0)
            .collect();
        let shown = |index| {
            memory
                .get(index)
                .map_or("–".to_owned(), |mib| format!("{mib:.1}"))
        };
        let row: Vec<String> = (0..MEASURING_POINTS.len()).map(shown).collect();
        let growth = memory[memory.len() - 1] / memory[0];
        println!("| {name} | {} | {growth:.2} |", row.join(" | "));
    }
    println!();
}

/// The program that delivers.
#[derive(Clone, Copy, PartialEq)]
enum Implementation {
    Deliver,
    /// The minimal consumer in `naive.py`.
    Python,
}

/// The settings of a run.
#[derive(Clone)]
struct Variant {
    implementation: Implementation,
    events: usize,
    certificate: Option<Certificate>,
    signatures: u32,
    /// False if the subscriber is removed before the deliveries.
    has_subscriber: bool,
}

/// Fans out all events, then delivers them. Returns the measurements of fan-out and of deliver.
async fn measure(variant: &Variant) -> Result<(Run, Run), Box<dyn Error>> {
    let mut workers = Workers::new(FleetOptions {
        certificate: variant.certificate.clone(),
        ..FleetOptions::new(healthy(1))
    })
    .await?;
    let count = variant.events;
    let events = events(count, PAGES);
    let processes = workers.start_fan_out(1).await?;
    workers.fleet.publish_all(&events);
    let fan_out = watch(&workers, &processes[0], count, |fleet| {
        fleet.deliveries.lock().len()
    })
    .await?;

    change_subscriber(&workers.fleet, variant);
    if variant.implementation == Implementation::Python {
        let program = checkout().join("tests/benches/deliver/naive.py");
        workers.deliver_by("naive", vec![python(), program]);
    }
    let processes = workers.start_deliver(1).await?;
    let left = |fleet: &Fleet| count - fleet.deliveries.lock().len();
    let deliver = watch(&workers, &processes[0], count, left).await?;
    if variant.has_subscriber {
        let audit = workers.fleet.audit(&events);
        assert!(
            audit.is_consistent() && audit.accepted == count,
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
        if !variant.has_subscriber {
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

/// Measures a process until `done` has counted all items. The cost leaves out the first hundred, which warm the process.
async fn watch(
    workers: &Workers,
    process: &Process,
    count: usize,
    done: impl Fn(&Fleet) -> usize,
) -> Result<Run, Box<dyn Error>> {
    let mut memory = Vec::new();
    let mut begun = None;
    for point in MEASURING_POINTS.into_iter().filter(|point| *point <= count) {
        // Each check costs processor time, so it is rare. The count includes the items since the last check.
        while done(&workers.fleet) < point {
            tokio::time::sleep(Duration::from_millis(2)).await;
            process.check()?;
        }
        let now = (Instant::now(), done(&workers.fleet), usage(process)?);
        memory.push(now.2);
        begun.get_or_insert(now);
    }
    let (started, first, before) = begun.ok_or("nothing was measured")?;
    let (elapsed, after) = (started.elapsed(), usage(process)?);
    let count = u32::try_from(count - first)?;
    Ok(Run {
        cost: Cost {
            wall: elapsed / count,
            cpu: (after.cpu - before.cpu) / count,
        },
        memory,
    })
}
