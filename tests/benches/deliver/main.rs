//! What deliveries cost, and what dead and slow receivers do to the others: the programs of fan-out and deliver, as Lambda
//! runs them, against queues and receivers on this machine. Each table compares what it measured in one run.
//!
//! `cargo bench … --bench deliver -- mix` makes one of the tables `one`, `scale` and `mix`, several names several.

mod crew;
mod mix;
mod one;
mod scale;
mod statistics;

use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    println!("On {}.\n", statistics::machine());
    // cargo says --bench.
    let names: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|one| one == name);
    if wanted("one") {
        one::run().await?;
    }
    if wanted("scale") {
        scale::run().await?;
    }
    if wanted("mix") {
        mix::run().await?;
    }
    Ok(())
}
