//! Models.

pub mod check;
pub mod delivery;
pub mod drain;
pub mod drain_cases;
