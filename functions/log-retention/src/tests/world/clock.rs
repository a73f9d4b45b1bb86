//! The virtual clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;

use super::World;

/// The clock of the world, for the SDK and for the run.
#[derive(Debug)]
pub struct VirtualClock(pub World);

impl TimeSource for VirtualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.state().now
    }
}

impl AsyncSleep for VirtualClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let world = self.0.clone();
        Sleep::new(async move { world.state().now += duration })
    }
}
