//! Measures content-events as Lambda runs it: the start of the functions, a wake for one change, backlogs, and the price of capture.
//!
//! Each table has the plain alternative beside it, in the same run: `peer.py`, which drains a plain outbox in Python. The topic is a
//! stub that answers at once or after a fixed time, so that the figures hold without the network's share.

#![allow(clippy::disallowed_methods)]

mod backlog;
mod capture;
mod function;
mod site;
mod start;
mod statistics;
mod topic;
mod wake;

use std::error::Error;

use site::Site;

/// The sections, in their order.
const SECTIONS: [&str; 4] = ["start", "wake", "backlog", "capture"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let chosen: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    if let Some(unknown) = chosen
        .iter()
        .find(|name| !SECTIONS.contains(&name.as_str()))
    {
        return Err(format!("unknown section {unknown}; there are {SECTIONS:?}").into());
    }
    let site = Site::new().await?;
    for section in SECTIONS {
        if !chosen.is_empty() && !chosen.iter().any(|name| name == section) {
            continue;
        }
        match section {
            "start" => start::run(&site).await?,
            "wake" => wake::run(&site).await?,
            "backlog" => backlog::run(&site).await?,
            _ => capture::run(&site).await?,
        }
        println!();
    }
    Ok(())
}
