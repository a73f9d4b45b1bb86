//! Prints the tables of docs/reliability.md: the state spaces of the larger scenarios, and what each safeguard prevents.

mod tables;

use model::{delivery_cases, drain_cases};

use tables::{print_removals, print_sizes, print_steps};

fn main() {
    let mut arguments = std::env::args().skip(1);
    if let Some(safeguard) = arguments.next() {
        return print_steps(&safeguard);
    }
    println!("| model | scenario | states | steps | longest run | seconds |");
    println!("|---|---|---|---|---|---|");
    print_sizes("drain", drain_cases::cases());
    print_sizes("drain", drain_cases::larger_cases());
    print_sizes("delivery", delivery_cases::cases());
    print_sizes("delivery", delivery_cases::larger_cases());
    println!();
    println!("| model | safeguard | promise that breaks without it | steps |");
    println!("|---|---|---|---|");
    print_removals("drain", drain_cases::removals());
    print_removals("delivery", delivery_cases::removals());
}
