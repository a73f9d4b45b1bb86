//! The waits for a table's lock in the server's log. Those for a row or a transaction are editors who wait for each other.

use std::error::Error;

use crate::database::SiteDatabase;

/// The locks of the statements of editors and visitors. The commands of wagrun ask for stronger ones.
const LOCKS_OF_SITES: [&str; 3] = ["RowExclusiveLock", "AccessShareLock", "RowShareLock"];

/// The waits that editors and visitors had.
#[derive(Debug, Default)]
pub struct LockWaits {
    pub count: usize,
    pub longest_ms: f64,
}

impl LockWaits {
    /// Reads the waits that ended after this position of the log.
    pub fn of(database: &SiteDatabase, position: usize) -> Result<Self, Box<dyn Error>> {
        let mut waits = Self::default();
        for line in database.log_after(position)?.lines() {
            if let Some(took) = wait(line) {
                waits.count += 1;
                waits.longest_ms = waits.longest_ms.max(took);
            }
        }
        Ok(waits)
    }
}

/// Returns the milliseconds of `… acquired RowExclusiveLock on relation 16400 of database 5 after 55.3 ms`.
fn wait(line: &str) -> Option<f64> {
    let (_, acquired) = line.split_once(" acquired ")?;
    let (lock, rest) = acquired.split_once(" on relation ")?;
    let (_, took) = rest.split_once(" after ")?;
    match LOCKS_OF_SITES.contains(&lock) {
        true => took.split(' ').next()?.parse().ok(),
        false => None,
    }
}
