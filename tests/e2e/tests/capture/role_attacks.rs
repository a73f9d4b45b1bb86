//! Attempts of the site's role and of the relay's role to get more than their rights.

mod arguments;
mod objects;

use local_stack::postgres::MASTER;
use sqlx::AssertSqlSafe;

use crate::support::database::Database;
use crate::support::runtime::run;
use crate::support::sql::{RELAY_ROLE, WEB_ROLE, execute};

/// A text that is in columns which no role but the site's may read.
const CANARY: &str = "canary-of-a-secret-column";

/// Statements that both roles are refused.
const REFUSED: &str = include_str!("role_attacks/refused.sql");

#[test]
fn statements_for_owners_and_superusers_are_refused() {
    run(async {
        let database = Database::new().await;
        let postgres = database.postgres();
        postgres.install_aws_lambda(&database.name).await.unwrap();
        let mut master = database.connect().await;
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut master)
            .await
            .unwrap();
        for (role, other) in [(WEB_ROLE, RELAY_ROLE), (RELAY_ROLE, WEB_ROLE)] {
            let mut session = database.connect_as(role).await;
            let attacks = REFUSED
                .lines()
                .filter(|line| !line.starts_with("--") && !line.is_empty());
            for attack in attacks {
                let statement = attack
                    .replace("{self}", role)
                    .replace("{other}", other)
                    .replace("{database}", &database.name)
                    .replace("{master}", &pid.to_string());
                // Several statements are one transaction.
                let tried = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut session);
                match tried.await {
                    Ok(_) => panic!("{role} may: {statement}"),
                    Err(error) => assert_eq!(code(&error), "42501", "{role}: {statement}: {error}"),
                }
            }
        }
    });
}

#[test]
fn other_sessions_and_statistics_show_neither_role_more_than_it_may_read() {
    run(async {
        let database = Database::new().await;
        let mut master = database.connect().await;
        execute(&mut master, "analyze auth_user").await;
        sqlx::query(AssertSqlSafe(format!("select '{CANARY}'")))
            .fetch_one(&mut master)
            .await
            .unwrap();
        for role in [WEB_ROLE, RELAY_ROLE] {
            let mut session = database.connect_as(role).await;
            let queries: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(format!(
                "select query from pg_stat_activity where usename = '{MASTER}' and datname = current_database()"
            )))
            .fetch_all(&mut session)
            .await
            .unwrap();
            assert!(!queries.is_empty());
            for query in queries {
                assert_eq!(query.as_deref(), Some("<insufficient privilege>"), "{role}");
            }
        }
        let mut relay = database.connect_as(RELAY_ROLE).await;
        let statistics: i64 = sqlx::query_scalar(
            "select count(*) from pg_stats where tablename in ('auth_user', 'wagtailcore_page', 'django_session')",
        )
        .fetch_one(&mut relay)
        .await
        .unwrap();
        assert_eq!(statistics, 0);
    });
}

#[test]
fn a_role_passes_none_of_its_rights_on() {
    run(async {
        let database = Database::new().await;
        let mut web = database.connect_as(WEB_ROLE).await;
        let mut relay = database.connect_as(RELAY_ROLE).await;
        // PostgreSQL only warns when nothing can be granted.
        let _ = sqlx::raw_sql("grant select on auth_user to wagrun_relay")
            .execute(&mut web)
            .await;
        let _ = sqlx::raw_sql("grant select on wagrun.outbox to wagtail_web")
            .execute(&mut relay)
            .await;
        for (session, statement) in [
            (&mut relay, "select from auth_user"),
            (&mut web, "select from wagrun.outbox"),
        ] {
            let refused = sqlx::raw_sql(statement).execute(session).await.unwrap_err();
            assert_eq!(code(&refused), "42501", "{statement}: {refused}");
        }
    });
}

fn code(error: &sqlx::Error) -> String {
    let error = error.as_database_error().unwrap();
    error.code().unwrap().into_owned()
}
