//! The states of events in the database, and a post that the outbox captures.

use serde_json::Value;
use sqlx::PgConnection;

use super::sql::claim_all_changes;

/// Returns the state before, the state after and the changed fields of each event of an object, the oldest first.
pub async fn event_states(
    connection: &mut PgConnection,
    object: &str,
) -> Vec<(Value, Value, Vec<String>)> {
    claim_all_changes(connection).await;
    sqlx::query_as(
        "select coalesce(before, 'null'), coalesce(after, 'null'), changed
         from wagrun.event where object = $1 order by sequence",
    )
    .bind(object)
    .fetch_all(connection)
    .await
    .unwrap()
}

/// Returns the number of events.
pub async fn event_count(connection: &mut PgConnection) -> i64 {
    claim_all_changes(connection).await;
    sqlx::query_scalar("select count(*) from wagrun.event")
        .fetch_one(connection)
        .await
        .unwrap()
}

/// Inserts a post below the front page as Wagtail does, the page row first. Returns its id.
pub async fn insert_post(connection: &mut PgConnection, slug: &str) -> i64 {
    let id: i64 = sqlx::query_scalar(
        "insert into wagtailcore_page
            (path, depth, numchild, title, draft_title, slug, url_path, live, has_unpublished_changes, content_type_id,
             locale_id, translation_key, seo_title, search_description, show_in_menus, expired, locked)
         select '000100019' || lpad((select count(*) from wagtailcore_page)::text, 3, '0'), 3, 0, $1, $1, $1,
             '/home/' || $1 || '/', false, false, ct.id, l.id, gen_random_uuid(), '', '', false, false, false
         from django_content_type as ct, wagtailcore_locale as l
         where ct.app_label = 'blog' and ct.model = 'blogpage'
         returning id::bigint",
    )
    .bind(slug)
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    sqlx::query("insert into blog_blogpage (page_ptr_id, date, intro, body) values ($1, '2026-01-01', '', '[]')")
        .bind(i32::try_from(id).unwrap())
        .execute(connection)
        .await
        .unwrap();
    id
}
