//! The doorbell rings once per transaction, and never delays or breaks a save.

use std::time::{Duration, Instant};

use sqlx::PgConnection;

use crate::support::database::Database;
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::run;
use crate::support::sql::{WEB_ROLE, execute};

async fn current_xid(connection: &mut PgConnection) -> String {
    sqlx::query_scalar("select pg_current_xact_id()::text")
        .fetch_one(connection)
        .await
        .unwrap()
}

#[test]
fn a_transaction_rings_once_with_its_id_however_many_rows_it_changes() {
    run(async {
        let database = Database::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Accepts).await;
        database.set_lambda_endpoint(&lambda.endpoint).await;
        let mut web = database.connect_as(WEB_ROLE).await;
        execute(
            &mut web,
            "insert into blog_author (name, bio) select 'author ' || n, '' from generate_series(1, 500) as n",
        )
        .await;
        execute(&mut web, "begin").await;
        let xid = current_xid(&mut web).await;
        execute(
            &mut web,
            "update blog_author set name = name || '!';
             savepoint inner_block; update blog_author set bio = 'x' where id = 1; release inner_block;
             set constraints all immediate; set constraints all deferred;
             update blog_author set bio = 'y'; commit",
        )
        .await;
        let calls = lambda.calls();
        assert_eq!(calls.len(), 2, "one ring for each of the two transactions");
        assert!(
            calls[1].0.ends_with("/invocations") && calls[1].0.contains("content-events"),
            "{}",
            calls[1].0
        );
        assert_eq!(
            calls[1].1.replace(' ', ""),
            format!("{{\"xid\":\"{xid}\"}}")
        );
    });
}

#[test]
fn nothing_rings_when_nothing_was_captured_or_all_was_rolled_back() {
    run(async {
        let database = Database::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Accepts).await;
        database.set_lambda_endpoint(&lambda.endpoint).await;
        let mut web = database.connect_as(WEB_ROLE).await;
        execute(
            &mut web,
            "update wagtailcore_page set numchild = numchild + 1;
             begin; update wagtailcore_page set title = 'gone' where id = 3; rollback",
        )
        .await;
        assert_eq!(lambda.calls(), []);
    });
}

/// Asserts that a save succeeds in time with this endpoint, and that the server log has a line with `logged`.
#[track_caller]
fn assert_harmless(endpoint: impl AsyncFnOnce() -> String, logged: &str) {
    run(async {
        let database = Database::new().await;
        let endpoint = endpoint().await;
        let mut untouched = database.connect_as(WEB_ROLE).await;
        let plain = timed_save(&mut untouched, "set local wagrun.capture = 'off'").await;

        database.set_lambda_endpoint(&endpoint).await;
        let mut web = database.connect_as(WEB_ROLE).await;
        let ringing = timed_save(&mut web, "select 1").await;
        assert!(
            ringing < plain + Duration::from_secs(1),
            "the save took {ringing:?} instead of {plain:?}"
        );

        let mut owner = database.connect().await;
        let (xid, pending): (String, bool) =
            sqlx::query_as("select xid::text, true from wagrun.outbox where object = 'page/3'")
                .fetch_one(&mut owner)
                .await
                .unwrap();
        assert!(pending, "the event waits for the next ring");
        let log = database.server_log();
        let line = log
            .lines()
            .find(|line| line.contains(&format!("wagrun doorbell {{\"xid\":\"{xid}\"}}")))
            .unwrap_or_else(|| panic!("no line about transaction {xid} in the server log"));
        assert!(line.contains(logged), "{line}");
    });
}

async fn timed_save(web: &mut PgConnection, first: &str) -> Duration {
    let started = Instant::now();
    execute(
        web,
        &format!(
            "begin; {first}; update wagtailcore_page set title = title || '.' where id = 3; commit"
        ),
    )
    .await;
    started.elapsed()
}

#[test]
fn a_function_that_is_gone_harms_no_save() {
    assert_harmless(
        async || {
            FakeLambda::start(LambdaBehavior::AnswersWith(404))
                .await
                .endpoint
        },
        "failed",
    );
}

#[test]
fn a_server_error_harms_no_save() {
    assert_harmless(
        async || {
            FakeLambda::start(LambdaBehavior::AnswersWith(500))
                .await
                .endpoint
        },
        "failed",
    );
}

#[test]
fn an_endpoint_that_hangs_harms_no_save() {
    assert_harmless(
        async || FakeLambda::start(LambdaBehavior::Hangs).await.endpoint,
        "failed",
    );
}

#[test]
fn an_endpoint_that_is_down_harms_no_save() {
    assert_harmless(
        async || {
            let port = testing::process::free_port().unwrap();
            format!("http://127.0.0.1:{port}")
        },
        "failed",
    );
}

#[test]
fn a_statement_time_out_that_strikes_while_ringing_harms_no_save() {
    run(async {
        let database = Database::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Hangs).await;
        database.set_lambda_endpoint(&lambda.endpoint).await;
        let mut web = database.connect_as(WEB_ROLE).await;
        execute(&mut web, "set statement_timeout = '200ms'").await;
        execute(&mut web, "begin").await;
        execute(
            &mut web,
            "update wagtailcore_page set title = 'in time' where id = 3",
        )
        .await;
        execute(&mut web, "commit").await;
        let title: String = sqlx::query_scalar("select title from wagtailcore_page where id = 3")
            .fetch_one(&mut web)
            .await
            .unwrap();
        assert_eq!(title, "in time");
    });
}
