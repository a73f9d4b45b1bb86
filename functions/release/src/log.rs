//! Log lines and spans. Their fields are scalars, which a query can use.

use tracing::Span;

use crate::decision::LogEntry;
use crate::signal::Signal;
use crate::state::Release;

/// Creates the span of all lines about one signal.
pub fn signal_span(signal: &Signal) -> Span {
    tracing::info_span!(
        "signal",
        signal.kind = signal.kind(),
        signal.digest = signal.digest(),
        signal.detail = signal.detail(),
    )
}

/// Creates the span of all lines about one release.
pub fn release_span(release: &Release) -> Span {
    tracing::info_span!(
        "release",
        release.sequence,
        release.phase = release.phase.name(),
        image.digest = release.image.digest,
        image.tag = release.image.tag,
    )
}

/// Writes one line.
pub fn write(entry: &LogEntry, receive_count: u32) {
    match entry {
        LogEntry::ReleaseStarted(release) => {
            release_span(release).in_scope(|| tracing::info!("release started"));
        }
        LogEntry::PhaseEntered(release) => {
            release_span(release).in_scope(|| tracing::info!("release phase entered"));
        }
        LogEntry::ImageSuperseded { old, new } => tracing::info!(
            image.digest = old.digest,
            image.tag = old.tag,
            superseded_by = new.digest,
            "image superseded"
        ),
        // A message that waits for something else is ignored each time it is received. One line is enough.
        LogEntry::SignalIgnored(reason) if receive_count == 1 => {
            tracing::info!(reason, "signal ignored");
        }
        LogEntry::SignalIgnored(reason) => tracing::debug!(reason, "signal ignored"),
    }
}
