//! `wagrun`, the operator's command. It works on a stack on AWS, and on the demo of this machine.
//!
//! It never connects to the database. What wakes a sleeping one, by a function that does connect, says so and asks first. A release
//! alone does not ask, because it migrates.
//!
//! # Exit codes
//! | code | |
//! |---|---|
//! | 0 | done, and everything is as it should be |
//! | 1 | done, and something is not as it should be: a receiver refuses, a check fails, a queue has dead letters |
//! | 2 | not done: a wrong argument, no such stack, AWS refused |

mod arguments;
mod backfill;
mod call;
mod commands;
mod deliver_settings;
mod doctor;
mod error;
mod events;
mod filter;
mod function;
mod history;
mod listen;
mod logs;
mod metrics;
mod migrate;
mod object;
mod outbox;
mod output;
mod outputs;
mod queues;
mod redrive;
mod release;
mod secret;
mod sender;
mod stack;
mod status;
mod subscribers;
mod time;
mod trigger;

pub use arguments::Arguments;
pub use commands::run;
pub use error::CommandError;
pub use output::Verdict;
