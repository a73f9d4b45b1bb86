//! Measures twenty servers of a site that boot together and migrate, without wagrun and with it.
//!
//! Each measurement has an empty database of its own on the same PostgreSQL. Both run in one program, so that they can be
//! compared.

use std::error::Error;
use std::time::{Duration, Instant};

use futures::future::join_all;
use local_stack::migrate_config::migrate_config;
use local_stack::postgres::{Durability, MASTER, Postgres};
use local_stack::tools::Tools;
use migrate::{Invocation, Migrator};
use testing::checkout;
use testing::process::Supervisor;
use testing::progress::Progress;
use tokio::process::Command;
use wagrun_database::connection::DatabaseConfig;

const SERVERS: usize = 20;

/// The result of twenty migrations at once.
struct Measurement {
    failed: usize,
    took: Duration,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let progress = Progress::quiet();
    let tools = Tools::install(checkout(), &progress).await?;
    let supervisor = Supervisor::start("bench", &checkout().join(".local/logs"))?;
    let venv = tools.environment("postgres");
    let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &progress).await?;
    for database in ["plain", "wagrun"] {
        postgres.create_database(database, None).await?;
    }
    let plain = measure_plain(&tools, &postgres).await;
    let wagrun = measure_wagrun(&tools, &postgres).await?;
    println!("| {SERVERS} at once, empty database | failed | until the last had ended |");
    println!("|---|---|---|");
    for (name, measurement) in [
        ("`manage.py migrate`", &plain),
        ("wagrun's `migrate`", &wagrun),
    ] {
        println!(
            "| {name} | {} | {:.1} s |",
            measurement.failed,
            measurement.took.as_secs_f64()
        );
    }
    println!(
        "time, wagrun : plain = {:.2}",
        wagrun.took.as_secs_f64() / plain.took.as_secs_f64()
    );
    Ok(())
}

async fn measure_plain(tools: &Tools, postgres: &Postgres) -> Measurement {
    let started = Instant::now();
    let servers = (0..SERVERS).map(|_| {
        Command::new(tools.program("site", "python"))
            .args(["manage.py", "migrate", "--no-input"])
            .current_dir(checkout().join("site"))
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", postgres.port().to_string())
            .env("DATABASE_NAME", "plain")
            .env("DATABASE_USER", MASTER)
            .env("DATABASE_SSL_MODE", "disable")
            .env_remove("DATABASE_PASSWORD")
            .env("SECRET_KEY", "of a benchmark")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
    });
    let ended = join_all(servers).await;
    let succeeded = |output: &Result<std::process::Output, _>| {
        output.as_ref().is_ok_and(|output| output.status.success())
    };
    Measurement {
        failed: ended.iter().filter(|output| !succeeded(output)).count(),
        took: started.elapsed(),
    }
}

async fn measure_wagrun(tools: &Tools, postgres: &Postgres) -> Result<Measurement, Box<dyn Error>> {
    let config = migrate_config(
        DatabaseConfig::trusted(postgres.url("wagrun").parse()?),
        tools,
    );
    let sdk = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .build();
    let migrator = Migrator::new(config, &sdk);
    let started = Instant::now();
    let runs = (0..SERVERS).map(|number| {
        let invocation = Invocation {
            id: format!("server {number}"),
            image: None,
            capture: None,
            is_stack_update: false,
            stop_at: tokio::time::Instant::now() + Duration::from_secs(800),
        };
        let migrator = &migrator;
        async move { migrator.migrate(&invocation).await }
    });
    let ended = join_all(runs).await;
    for error in ended.iter().filter_map(|run| run.as_ref().err()) {
        println!("{}", wagrun_lambda::telemetry::chain(error));
    }
    Ok(Measurement {
        failed: ended.iter().filter(|run| run.is_err()).count(),
        took: started.elapsed(),
    })
}
