//! Statements that many tests send, and waits for a condition in the database.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use tokio::time::Instant;
use wagrun_database::outbox::{self, OutboxCursor};

use super::runtime::in_a_minute;

pub use local_stack::migrate_config::{RELAY_ROLE, WEB_ROLE};

/// Runs statements that hold no values from outside. Each statement that ends its line is sent, and committed, by itself.
pub async fn execute(connection: &mut PgConnection, statements: &str) {
    for statement in statements.split(";\n") {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .unwrap();
    }
}

/// Makes events of all committed changes, as a drainer does before it publishes.
pub async fn claim_all_changes(connection: &mut PgConnection) {
    let mut cursor = OutboxCursor::default();
    loop {
        let opening = outbox::open(connection, &mut cursor, 0).await.unwrap();
        for model in &opening.models_of_parts {
            while outbox::add_present_state(connection, model).await.unwrap() > 0 {}
        }
        if !opening.has_more {
            return;
        }
    }
}

/// Returns once a session of the database waits for a lock of another session.
pub async fn wait_for_lock_waiter(observer: &mut PgConnection) {
    wait_until_true(
        observer,
        "select exists (select from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock')",
    )
    .await;
}

/// Returns once no drainer has a session. The server takes a moment to end the session of an aborted drainer.
pub async fn wait_until_no_drainer_is_connected(observer: &mut PgConnection) {
    wait_until_true(
        observer,
        "select not exists (select from pg_stat_activity
            where datname = current_database() and application_name like 'wagrun%')",
    )
    .await;
}

/// Returns once no session holds a drainer's advisory lock.
pub async fn wait_until_no_lock_is_held(session: &mut PgConnection) {
    wait_until_true(
        session,
        "select not exists (select from pg_locks where locktype = 'advisory'
            and database = (select oid from pg_database where datname = current_database()))",
    )
    .await;
}

/// Returns once this query answers true, and panics after a minute.
pub async fn wait_until_true(session: &mut PgConnection, condition: &'static str) {
    let deadline = in_a_minute();
    while !sqlx::query_scalar::<_, bool>(condition)
        .fetch_one(&mut *session)
        .await
        .unwrap()
    {
        assert!(Instant::now() < deadline, "never came true: {condition}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
