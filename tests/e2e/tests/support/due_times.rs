//! The schedule changes and the due minutes of a database.

use sqlx::PgConnection;
use wagrun_database::outbox;

use super::content::HOME;

/// Returns the number of transactions that changed a due time and that no drainer has seen.
pub async fn pending_schedule_changes(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from wagrun.schedule_change")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Returns the due minutes after the year 2030.
pub async fn due_minutes(connection: &mut PgConnection) -> Vec<String> {
    let earliest = "2031-01-01T00:00:00Z".parse().unwrap();
    outbox::due_minutes(connection, earliest, 100)
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Inserts a revision of the front page, approved to go live at this time if there is one. Returns its id.
pub async fn insert_revision(connection: &mut PgConnection, go_live_at: Option<&str>) -> i64 {
    sqlx::query_scalar(
        "insert into wagtailcore_revision
             (content_type_id, base_content_type_id, object_id, created_at, object_str, content, approved_go_live_at)
         select content_type_id, content_type_id, id::text, now(), title, '{}', $2::text::timestamptz
         from wagtailcore_page where id::bigint = $1
         returning id::bigint",
    )
    .bind(i64::from(HOME))
    .bind(go_live_at)
    .fetch_one(connection)
    .await
    .unwrap()
}

/// Asserts that the role may not run this statement.
pub async fn assert_refused(connection: &mut PgConnection, statement: &'static str) {
    let error = sqlx::raw_sql(statement).execute(connection).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{statement}: {error}");
}

/// Removes all schedule changes, as a drainer does that has seen them.
pub async fn forget_schedule_changes(connection: &mut PgConnection) {
    let seen = outbox::schedule_changes(connection).await.unwrap();
    outbox::forget_schedule_changes(connection, &seen)
        .await
        .unwrap();
}
