//! The two protocols of wagrun as models: [`drain`], from a commit to the topic, and [`delivery`], from the topic to a receiver.
//!
//! # Reading them
//! A model is a state, and the steps that lead from it to others. A step stands for a piece of the code that nothing can interrupt:
//! one SQL statement, one call, one decision. Its comment names the function. The model checker `stateright` visits every state that
//! any order of steps leads to, and evaluates the promises in each. So a promise that holds in a model holds for every interleaving,
//! and for every place of each fault.
//!
//! Each model is read in this order: `scenario` (the amount of everything, and the safeguards), `state`, then the participants, then
//! `action` (which step is possible when), then `promises`.
//!
//! # Checking them
//! - With all safeguards in place, the whole state space is explored, and every promise holds ([`check::explore`]).
//! - With any one safeguard taken out, a promise breaks ([`check::counterexample`]). So each safeguard is needed, and the models would
//!   notice its loss.
//! - `cargo test -p model` does both in scenarios of some seconds, `make model` in larger ones.
//!
//! # Limits
//! The models are written by hand, and nothing but review keeps them like the code. Time is in them only as an order: something
//! takes less time than something else. Two states with the same 64-bit digest would count as one.

pub mod check;
pub mod delivery;
pub mod delivery_cases;
pub mod drain;
pub mod drain_cases;
