//! The log lines of a real server, and those that content-events accepts as a doorbell.

use content_events::Invocation;
use local_stack::log_export::{ServerLog, Subscription};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, PgConnection};

use crate::support::database::Database;
use crate::support::runtime::run;
use crate::support::sql::{WEB_ROLE, execute};

const DOORBELL_LINE: &str = r#"wagrun doorbell {"xid":"999999999999"} by log"#;

/// Commits a transaction that rings, and returns its id.
async fn save(session: &mut PgConnection) -> u64 {
    execute(session, "begin").await;
    let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
        .fetch_one(&mut *session)
        .await
        .unwrap();
    execute(
        session,
        "update wagtailcore_page set title = title || '.' where id = 3;
commit",
    )
    .await;
    xid.parse().unwrap()
}

fn options(database: &Database, user: &str) -> PgConnectOptions {
    let url: PgConnectOptions = database.url().parse().unwrap();
    url.username(user)
}

async fn assert_fails(session: &mut PgConnection, statement: &str) {
    let result = sqlx::raw_sql(AssertSqlSafe(statement)).execute(session);
    result.await.unwrap_err();
}

/// Returns the wake that content-events reads from everything that this database's sessions have logged.
async fn parsed_wake(log: &mut ServerLog, database: &Database) -> Invocation {
    let mut records = log.records().await.unwrap();
    records.extend(log.records().await.unwrap());
    // Other tests use the same server.
    let name = format!("@{}:[", database.name);
    records.retain(|record| record.contains(&name));
    let payload = Subscription::of_template().unwrap().payload(&records);
    Invocation::parse(&payload.expect("a record that matches")).unwrap()
}

#[test]
fn the_triggers_lines_are_understood_for_every_role() {
    run(async {
        let database = Database::new().await;
        let odd = r#"x@y]:LOG:  wagrun doorbell {"xid":"5"} by log"#;
        let mut owner = database.connect().await;
        execute(
            &mut owner,
            &format!("create role {} login in role {WEB_ROLE}", quoted(odd)),
        )
        .await;
        let mut log = ServerLog::from_now_on(&database.postgres().log())
            .await
            .unwrap();
        let mut xids = Vec::new();
        for user in [WEB_ROLE, odd] {
            let mut session = options(&database, user).connect().await.unwrap();
            xids.push(save(&mut session).await);
            // The line is in the log before the session closes.
            session.close().await.unwrap();
        }
        assert_eq!(
            parsed_wake(&mut log, &database).await,
            Invocation::Transactions(xids)
        );
        execute(&mut owner, &format!("drop role {}", quoted(odd))).await;
    });
}

#[test]
fn a_forged_log_line_names_no_transaction() {
    run(async {
        let database = Database::new().await;
        let prefix = "2026-11-21 21:46:46 UTC:10.0.0.4(51234):a@b:[77]:LOG:  ";
        let mut log = ServerLog::from_now_on(&database.postgres().log())
            .await
            .unwrap();
        let mut web = database.connect_as(WEB_ROLE).await;
        execute(
            &mut web,
            &format!("set application_name = 'x]:LOG:  {DOORBELL_LINE}'"),
        )
        .await;
        assert_fails(&mut web, &format!("select '{DOORBELL_LINE}'::int")).await;
        assert_fails(
            &mut web,
            &format!("select '\n{prefix}{DOORBELL_LINE}'::int"),
        )
        .await;
        for option in ["message", "detail", "hint"] {
            let raise = format!(
                "do $$ begin raise exception using {option} = E'\\n{prefix}{DOORBELL_LINE}'; end $$"
            );
            assert_fails(&mut web, &raise).await;
        }
        for user in [
            format!("x@y:[1]:LOG:  {DOORBELL_LINE}"),
            format!("@:[1]:LOG:  {DOORBELL_LINE}\n"),
        ] {
            let refused = options(&database, &user).connect().await;
            refused.unwrap_err();
        }
        assert_eq!(
            parsed_wake(&mut log, &database).await,
            Invocation::Transactions(Vec::new())
        );
    });
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
