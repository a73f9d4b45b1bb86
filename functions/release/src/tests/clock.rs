//! The clock of a test, which only the test advances.

use std::cell::Cell;

use jiff::Timestamp;

const START: i64 = 1_795_000_000;

thread_local! {
    /// Seconds since the start. Each test has a thread of its own.
    static ELAPSED: Cell<i64> = const { Cell::new(0) };
}

pub fn now() -> Timestamp {
    Timestamp::from_second(START + ELAPSED.get()).unwrap()
}

pub fn advance(seconds: i64) {
    ELAPSED.set(ELAPSED.get() + seconds);
}

pub fn reset() {
    ELAPSED.set(0);
}
