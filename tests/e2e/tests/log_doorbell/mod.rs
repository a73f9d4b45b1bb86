//! The second doorbell: a line in the server's log, which its export and a subscription bring to content-events.

mod alone;
mod lines;
mod second;
