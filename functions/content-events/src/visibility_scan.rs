//! Compares the visibility of all pages and documents with the one that their events said, after the rules have changed.
//!
//! The rules are the sites, view restrictions, collections and URL patterns. A change of them may concern every object below. It
//! is found by its effect: each object whose visibility differs gets an event.

use sqlx::postgres::PgConnection;
use sqlx::types::Json;
use tokio::time::Instant;
use wagrun_database::ObjectKind;
use wagrun_database::outbox::{
    self, SaidVisibility, SeenObject, Visibility, VisibilityRules, VisibilityScan,
};

use crate::visibility::{digest, visibility};

/// The number of objects that are compared at a time.
const SLICE_SIZE: i32 = 5_000;

/// A comparison that is due.
#[derive(Debug)]
pub(crate) struct DueScan {
    /// The digest of the rules to compare with.
    digest: String,
}

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanEnd {
    /// All objects were compared, and this number of events is to be published.
    Numbered(u64),
    /// The time is over. The next run compares again.
    TimeOver,
}

/// Returns the comparison that is due, if the rules are not those of the last one.
///
/// Records it, so that the next run makes it if this one ends after it has settled the events of the change. The caller must
/// hold the drain lock. `last` and `rules` are those after the last claim.
pub(crate) async fn due(
    connection: &mut PgConnection,
    last: &VisibilityScan,
    rules: &VisibilityRules,
) -> Result<Option<DueScan>, sqlx::Error> {
    let digest = digest(rules);
    let is_same = last.rules.as_deref() == Some(&digest);
    if is_same && !last.is_wanted {
        return Ok(None);
    }
    if !last.is_wanted {
        outbox::request_visibility_scan(connection).await?;
    }
    Ok(Some(DueScan { digest }))
}

/// Compares all objects with these rules. Numbers an event for each that differs.
///
/// The caller must hold the drain lock.
pub(crate) async fn run(
    connection: &mut PgConnection,
    scan: DueScan,
    rules: &VisibilityRules,
    stop_at: Instant,
) -> Result<ScanEnd, sqlx::Error> {
    let (mut after, mut numbered) = (String::new(), 0);
    loop {
        let objects = outbox::seen_objects(connection, &after, SLICE_SIZE).await?;
        let Some(last) = objects.last() else {
            break;
        };
        after.clone_from(&last.object);
        let compared = compare(objects, rules);
        outbox::record_visibilities(connection, &compared.installed, &compared.installed_as)
            .await?;
        numbered += outbox::number_comparisons(connection, &compared.differing).await?;
        if Instant::now() >= stop_at {
            return Ok(ScanEnd::TimeOver);
        }
    }
    outbox::record_visibility_scan(connection, &scan.digest).await?;
    if numbered > 0 {
        tracing::info!(numbered, "visibility compared after a change of the rules");
    }
    Ok(ScanEnd::Numbered(numbered))
}

/// The result of comparing a slice.
#[derive(Debug, Default)]
struct Compared {
    /// Objects whose visibility differs from the one that was said.
    differing: Vec<String>,
    /// Objects that were there when wagrun was installed.
    installed: Vec<String>,
    /// The visibility of each of these.
    installed_as: Vec<Json<Visibility>>,
}

fn compare(objects: Vec<SeenObject>, rules: &VisibilityRules) -> Compared {
    let mut compared = Compared::default();
    for seen in objects {
        let kind = if seen.object.starts_with("page/") {
            ObjectKind::Page
        } else {
            ObjectKind::Document
        };
        let present = seen.image.and_then(|image| visibility(rules, kind, &image));
        // The end of an object is an event of its own.
        let Some(present) = present else { continue };
        match seen.said {
            SaidVisibility::AtInstallation => {
                compared.installed.push(seen.object);
                compared.installed_as.push(Json(present));
            }
            SaidVisibility::Known(said) if said != present => compared.differing.push(seen.object),
            SaidVisibility::Known(_) | SaidVisibility::Nothing | SaidVisibility::Undecided => {}
        }
    }
    compared
}
