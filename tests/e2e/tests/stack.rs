//! The deployed stack: its lifecycle, its faults, and the tools of an operator.

mod compatibility;
mod faults;
mod lifecycle;
mod log_doorbell;
mod log_retention;
mod operator_tools;
mod own_site;
mod saved_queries;
mod second_doorbell;
