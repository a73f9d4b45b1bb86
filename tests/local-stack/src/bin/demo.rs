//! Runs `make demo`. With `ONCE=1` it ends after the scripted part. With `DOORBELL=Logs` the database rings by its log alone. With
//! `SITE=../mysite` it shows a site of the user's own.

#![allow(clippy::disallowed_methods)]

use std::process::ExitCode;

use local_stack::demo::{Demo, DemoError, rings_by_log};
use local_stack::own_site::OwnSiteOptions;
use tokio::signal::unix::{SignalKind, signal};
use wagrun_lambda::telemetry::chain;

#[tokio::main]
async fn main() -> ExitCode {
    tokio::select! {
        result = demo() => match result {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("\nThe demo failed: {}", chain(&error));
                ExitCode::FAILURE
            }
        },
        // Dropping the demo ends everything that it started. 130 is the exit code of a shell for Ctrl-C.
        () = interrupted() => {
            println!("\nStopping …");
            ExitCode::from(130)
        }
    }
}

async fn demo() -> Result<(), DemoError> {
    let once = std::env::var("ONCE").is_ok_and(|value| !matches!(value.as_str(), "" | "0"));
    let doorbell = std::env::var("DOORBELL").unwrap_or_default();
    let demo = Demo::start(rings_by_log(&doorbell)?, own_site()).await?;
    demo.publish_and_follow().await?;
    if once { Ok(()) } else { demo.serve().await }
}

/// Returns the variables about a site of the user's own; none for the stock site.
fn own_site() -> Option<OwnSiteOptions> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Some(OwnSiteOptions {
        site: variable("SITE")?,
        settings: variable("SETTINGS"),
        venv: variable("VENV"),
        requirements: variable("REQUIREMENTS"),
        environment: variable("SITE_ENVIRONMENT"),
        dump: variable("DUMP"),
        postgres: variable("POSTGRES"),
    })
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM.
async fn interrupted() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            // Without a handler for SIGTERM, only Ctrl-C ends the demo in order.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
