//! x
use model::check::*;
use model::delivery::*;
fn main() {
    let args: Vec<u8> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let m = Delivery { scenario: Scenario { events: vec![args[0]; args[1] as usize], copies: args[2] as usize, faults: Faults { crashes: args[3], refusals: args[4], switches: args[5] } }, safeguards: Safeguards::ALL, examples: vec![] };
    println!("{:?}", explore(m));
}
