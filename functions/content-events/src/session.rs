//! The settings of a run's session at the database.

use std::time::Duration;

use wagrun_database::connection::SessionSettings;

/// The session of a run.
pub(crate) const SESSION: SessionSettings<'static> = SessionSettings {
    application_name: "wagrun content-events",
    // Longer than any invocation, so that the lock is never lost while this function still works.
    idle_timeout: Duration::from_secs(180),
    // Less than the server's `deadlock_timeout` of a second. So a migration that meets this session never finds itself in a
    // deadlock: this session gives up first, and tries again.
    lock_timeout: Some(Duration::from_millis(250)),
    server: &[
        // The server's figures are older than a backlog. By them it would read all pending rows for each batch.
        ("enable_bitmapscan", "off"),
        // Two thousand captured rows are sorted several times, which should not need the disk.
        ("work_mem", "16MB"),
        // Compiling a statement takes longer than any of these, and serves one session.
        ("jit", "off"),
    ],
};
