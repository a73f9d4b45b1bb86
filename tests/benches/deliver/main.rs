//! Measures the programs of fan-out and deliver, as Lambda runs them, against queues and receivers on this machine. Each table
//! compares measurements of one run.
//!
//! `cargo bench … --bench deliver -- cost isolation` makes only some of the tables.

#![allow(clippy::disallowed_methods)]

mod cost;
#[path = "../drain/function.rs"]
mod function;
mod isolation;
mod path;
#[expect(dead_code, reason = "the bench of the drain uses the rest of it")]
#[path = "../drain/site.rs"]
mod site;
mod statistics;
mod subscribers;
mod throughput;
#[expect(dead_code, reason = "the bench of the drain uses the rest of it")]
#[path = "../drain/topic.rs"]
mod topic;
mod workers;

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("On {}.\n", statistics::machine());
    let names: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    if wanted("path") {
        path::run().await?;
    }
    if wanted("cost") {
        cost::run().await?;
    }
    if wanted("throughput") {
        throughput::run().await?;
    }
    if wanted("subscribers") {
        subscribers::run().await?;
    }
    if wanted("isolation") {
        isolation::run().await?;
    }
    Ok(())
}
