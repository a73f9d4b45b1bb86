//! The visibility of live pages and documents: what events have said of it, and what decides it now.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use sqlx::types::Json;

use super::script::{Literal, Script};

/// The people who can see an object, and its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visibility {
    /// `public`, or the type of the strictest view restriction: `password`, `login` or `groups`. `nobody` for a page whose site
    /// does not serve its language.
    pub visible_to: String,
    /// The groups that may see the object, when groups restrict it.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The full URL of a page, as Wagtail computes it.
    #[serde(default)]
    pub url: Option<String>,
    /// All URLs at which the site serves the page, the full URL first.
    #[serde(default)]
    pub urls: Vec<String>,
}

impl Visibility {
    /// The value of [`visible_to`](Self::visible_to) without a restriction.
    pub const PUBLIC: &'static str = "public";
    /// The value for a page that no visitor can reach.
    pub const NOBODY: &'static str = "nobody";

    /// Returns true when everybody can see the object.
    pub fn is_public(&self) -> bool {
        self.visible_to == Self::PUBLIC
    }
}

/// The visibility that the last event of an object said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaidVisibility {
    /// No event said that the object is visible.
    Nothing,
    /// The page was inserted as live, and it is not decided if it stays so.
    Undecided,
    /// The object was there when wagrun was installed.
    AtInstallation,
    /// The visibility that an event said.
    Known(Visibility),
}

impl SaidVisibility {
    /// Reads a row of `wagrun.visibility`, or its absence. A value of another version counts as unknown.
    pub(super) fn from_row(is_row: bool, said: Option<&str>) -> Self {
        match (is_row, said) {
            (false, _) => Self::Nothing,
            (true, None) => Self::Undecided,
            (true, Some(said)) => {
                serde_json::from_str(said).map_or(Self::AtInstallation, Self::Known)
            }
        }
    }
}

/// The decision about an event of a page or a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDecision {
    /// The last part of the event's type.
    pub action: String,
    /// The visibility before the event.
    pub before: Option<Visibility>,
    /// The visibility after the event.
    pub after: Option<Visibility>,
}

/// A decision to store, and the visibility that the event says.
#[derive(Debug)]
pub struct DecisionRecord<'a> {
    /// The event's sequence.
    pub sequence: i64,
    /// The object's name.
    pub object: &'a str,
    /// The decision. It is `None` for an event without a net change.
    pub decision: Option<StoredDecision>,
    /// The visibility to remember for the object's next event.
    pub said: &'a SaidVisibility,
}

/// Stores decisions, which later publications of the events repeat, and the visibility that the events say.
///
/// An undecided page is decided `decision_delay` after its insertion was recorded. The caller must hold the drain lock.
/// `records` has the last one of each object behind earlier ones.
pub async fn record_decisions(
    connection: &mut PgConnection,
    records: &[DecisionRecord<'_>],
    decision_delay: Duration,
) -> Result<(), sqlx::Error> {
    if records.is_empty() {
        return Ok(());
    }
    let json = |visibility: Option<&Visibility>| visibility.map(text).transpose();
    let (mut sequences, mut actions) = (Vec::new(), Vec::new());
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let (mut objects, mut said, mut is_kept) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        sequences.push(record.sequence);
        let decision = record.decision.as_ref();
        actions.push(decision.map(|it| it.action.clone()));
        before.push(json(decision.and_then(|it| it.before.as_ref()))?);
        after.push(json(decision.and_then(|it| it.after.as_ref()))?);
        objects.push(Some(record.object.to_owned()));
        is_kept.push(*record.said != SaidVisibility::Nothing);
        said.push(match record.said {
            SaidVisibility::Known(visibility) => json(Some(visibility))?,
            SaidVisibility::AtInstallation => Some("{}".to_owned()),
            SaidVisibility::Nothing | SaidVisibility::Undecided => None,
        });
    }
    let mut script = Script::default();
    script.add(
        include_str!("decide.sql"),
        &[
            Literal::Integers(&sequences),
            Literal::Texts(&actions),
            Literal::Texts(&before),
            Literal::Texts(&after),
            Literal::Texts(&objects),
            Literal::Texts(&said),
            Literal::Booleans(&is_kept),
            Literal::Seconds(decision_delay.as_secs_f64()),
        ],
    );
    script.run(connection).await?;
    Ok(())
}

fn text(visibility: &Visibility) -> Result<String, sqlx::Error> {
    serde_json::to_string(visibility).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}

/// Numbers an event for each page whose time of decision has come. Returns their number.
///
/// The caller must hold the drain lock.
pub async fn number_due_decisions(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    // In one transaction: a page without its time of decision and without the event would stay undecided for ever.
    let mut transaction = connection.begin().await?;
    let due: Vec<String> = sqlx::query_scalar(
        "update wagrun.visibility set decide_at = null
         where object in (
             select object from wagrun.visibility where decide_at <= clock_timestamp() order by decide_at limit 5000
         ) returning object",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let numbered = number_comparisons(&mut transaction, &due).await?;
    transaction.commit().await?;
    Ok(numbered)
}

/// Numbers an event of the present state for each of these pages and documents. Returns their number.
///
/// The event is published if the visibility then differs from the one that was said last. The caller must hold the drain lock.
pub async fn number_comparisons(
    connection: &mut PgConnection,
    objects: &[String],
) -> Result<u64, sqlx::Error> {
    if objects.is_empty() {
        return Ok(0);
    }
    sqlx::query(include_str!("compare.sql"))
        .bind(objects)
        .execute(connection)
        .await
        .map(|done| done.rows_affected())
}

/// An object of which an event has said a visibility, in its present state.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenObject {
    /// The object's name.
    pub object: String,
    /// The visibility that was said last.
    pub said: SaidVisibility,
    /// The columns that decide the visibility now. `None` for an object that is gone or not live.
    pub image: Option<Map<String, Value>>,
}

/// Returns up to `limit` objects after the object `after`, in order of their names.
pub async fn seen_objects(
    connection: &mut PgConnection,
    after: &str,
    limit: i32,
) -> Result<Vec<SeenObject>, sqlx::Error> {
    type Row = (String, String, Option<Json<Map<String, Value>>>);
    let rows: Vec<Row> =
        sqlx::query_as("select object, said::text, image from wagrun.seen_objects($1, $2)")
            .bind(after)
            .bind(limit)
            .fetch_all(connection)
            .await?;
    let objects = rows.into_iter().map(|(object, said, image)| SeenObject {
        said: SaidVisibility::from_row(true, Some(&said)),
        object,
        image: image.map(|Json(image)| image),
    });
    Ok(objects.collect())
}

/// The last comparison of all objects.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct VisibilityScan {
    /// The digest of the rules that were compared with. `None` before the first comparison.
    pub rules: Option<String>,
    /// True when a comparison is due.
    pub is_wanted: bool,
}

/// Records that a comparison is due, so that the next run makes it if this one ends early.
pub async fn request_visibility_scan(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("update wagrun.visibility_scan set is_wanted = true")
        .execute(connection)
        .await
        .map(drop)
}

/// Records that all objects were compared with the rules of this digest.
///
/// A migration that asks for a comparison meanwhile leaves a row in the outbox as well, so the next claim reads the rules again.
pub async fn record_visibility_scan(
    connection: &mut PgConnection,
    rules: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("update wagrun.visibility_scan set rules = $1, is_wanted = false")
        .bind(rules)
        .execute(connection)
        .await
        .map(drop)
}

/// Records the visibility of objects without an event.
pub async fn record_visibilities(
    connection: &mut PgConnection,
    objects: &[String],
    visibilities: &[Json<Visibility>],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update wagrun.visibility as known set said = present.said
         from unnest($1::text[], $2::jsonb[]) as present (object, said) where known.object = present.object",
    )
    .bind(objects)
    .bind(visibilities)
    .execute(connection)
    .await
    .map(drop)
}
