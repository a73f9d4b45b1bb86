//! The command `wagrun`, as an operator starts it, on the deployed stack.

mod doctor;
mod errors;
mod events;
mod failing;
mod listening;
mod repairs;
mod subscribers;
