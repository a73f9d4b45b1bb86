//! The result of `publish-scheduled`: objects that could not be published or expired are recorded and reported.

use serde::Deserialize;
use sqlx::postgres::PgConnection;
use wagrun_database::schema::{self, FailedPublication};

/// The code that publishes and expires everything that is due, object by object.
pub const SCRIPT: &str = include_str!("publish_scheduled.py");
/// The start of the line with which the script answers.
pub const ANSWER_MARKER: &str = "WAGRUN-PUBLICATION ";

/// Some due content was not published or expired.
#[derive(Debug, thiserror::Error)]
pub enum PublicationError {
    /// The script printed no answer.
    #[error("manage.py shell printed no line that begins with {ANSWER_MARKER}")]
    NoAnswer,
    /// The answer has another shape than this version expects.
    #[error("cannot read the answer of publish_scheduled.py")]
    Answer(#[from] serde_json::Error),
    /// The failures could not be recorded.
    #[error("cannot record what could not be published")]
    Record(#[source] sqlx::Error),
    /// Objects have failed for the first time, or again when they were to be tried again.
    #[error(
        "{count} due objects could not be published or expired, and all others were handled; the first: cannot {action} \
         {object} {title:?}, due {due}: {reason}"
    )]
    Failed {
        /// The number of objects.
        count: usize,
        /// `publish` or `expire`.
        action: String,
        /// The object as `app.model/key`.
        object: String,
        /// The object's title.
        title: String,
        /// The time at which it was due.
        due: String,
        /// The error of the site.
        reason: String,
    },
}

/// The answer of `publish_scheduled.py`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Published {
    /// The number of revisions that went live; none when a command of the site's own did the work.
    pub published: Option<u64>,
    /// The number of objects that expired; none likewise.
    pub expired: Option<u64>,
    /// The objects that failed.
    pub failures: Vec<FailedPublication>,
}

/// Records the failures and logs each of them.
///
/// # Errors
/// Fails if a failure is to be reported: the first one of an object, and the later ones after some time.
pub async fn record(
    connection: &mut PgConnection,
    answer: Option<String>,
) -> Result<Published, PublicationError> {
    let answer = answer.ok_or(PublicationError::NoAnswer)?;
    let published: Published = serde_json::from_str(&answer)?;
    let is_reported = schema::record_failed_publications(connection, &published.failures).await;
    let is_reported = is_reported.map_err(PublicationError::Record)?;
    let mut reported = Vec::new();
    for (failure, is_reported) in published.failures.iter().zip(is_reported) {
        log(failure, is_reported);
        if is_reported {
            reported.push(failure);
        }
    }
    let Some(first) = reported.first() else {
        return Ok(published);
    };
    Err(PublicationError::Failed {
        count: reported.len(),
        action: first.action.clone(),
        object: first.object.clone(),
        title: first.title.clone(),
        due: first.due.clone().unwrap_or_else(|| "now".to_owned()),
        reason: first.reason.clone(),
    })
}

fn log(failure: &FailedPublication, is_reported: bool) {
    let FailedPublication {
        action,
        object,
        revision,
        title,
        due,
        reason,
        ..
    } = failure;
    let due = due.as_deref();
    if is_reported {
        tracing::error!(
            action,
            object,
            revision,
            title,
            due,
            reason,
            "due object failed"
        );
    } else {
        tracing::warn!(
            action,
            object,
            revision,
            title,
            due,
            reason,
            "due object still fails"
        );
    }
}
