//! What a real server writes, and which of it content-events takes for a doorbell.

use content_events::Invocation;
use local_stack::log_export::{ServerLog, Subscription};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, PgConnection};

use crate::databases::{Database, WEB, execute, run};

const TEXT: &str = r#"wagrun doorbell {"xid":"999999999999"} by log"#;

/// Begins a transaction that rings when it commits, and returns its id.
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

async fn refused(session: &mut PgConnection, statement: &str) {
    let result = sqlx::raw_sql(AssertSqlSafe(statement)).execute(session);
    result.await.unwrap_err();
}

/// Everything that this database's sessions have written by now, as content-events understands it.
async fn understood(log: &mut ServerLog, database: &Database) -> Invocation {
    let mut records = log.records().await.unwrap();
    records.extend(log.records().await.unwrap());
    // The server is other tests' as well.
    let name = format!("@{}:[", database.name);
    records.retain(|record| record.contains(&name));
    let payload = Subscription::of_template().unwrap().payload(&records);
    Invocation::parse(&payload.expect("a record that matches")).unwrap()
}

#[test]
fn the_trigger_s_lines_are_understood_whoever_saves() {
    run(async {
        let database = Database::new().await;
        let odd = r#"x@y]:LOG:  wagrun doorbell {"xid":"5"} by log"#;
        let mut owner = database.connect().await;
        execute(
            &mut owner,
            &format!("create role {} login in role {WEB}", quoted(odd)),
        )
        .await;
        let mut log = ServerLog::from_now_on(&database.postgres().log())
            .await
            .unwrap();
        let mut xids = Vec::new();
        for user in [WEB, odd] {
            let mut session = options(&database, user).connect().await.unwrap();
            xids.push(save(&mut session).await);
            // It is there when the answer is.
            session.close().await.unwrap();
        }
        assert_eq!(
            understood(&mut log, &database).await,
            Invocation::Transactions(xids)
        );
        execute(&mut owner, &format!("drop role {}", quoted(odd))).await;
    });
}

#[test]
fn what_anybody_has_the_server_write_names_no_transaction() {
    run(async {
        let database = Database::new().await;
        let prefix = "2026-11-21 21:46:46 UTC:10.0.0.4(51234):a@b:[77]:LOG:  ";
        let mut log = ServerLog::from_now_on(&database.postgres().log())
            .await
            .unwrap();
        let mut web = database.connect_as(WEB).await;
        execute(
            &mut web,
            &format!("set application_name = 'x]:LOG:  {TEXT}'"),
        )
        .await;
        refused(&mut web, &format!("select '{TEXT}'::int")).await;
        refused(&mut web, &format!("select '\n{prefix}{TEXT}'::int")).await;
        for option in ["message", "detail", "hint"] {
            let raise = format!(
                "do $$ begin raise exception using {option} = E'\\n{prefix}{TEXT}'; end $$"
            );
            refused(&mut web, &raise).await;
        }
        for user in [
            format!("x@y:[1]:LOG:  {TEXT}"),
            format!("@:[1]:LOG:  {TEXT}\n"),
        ] {
            let refused = options(&database, &user).connect().await;
            refused.unwrap_err();
        }
        assert_eq!(
            understood(&mut log, &database).await,
            Invocation::Transactions(Vec::new())
        );
    });
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
