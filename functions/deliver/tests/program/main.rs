//! The program itself, as Lambda runs it: a process that asks a runtime API for work, with AWS and a receiver played at the
//! wire.

mod killed;
mod lambda;
mod log;
