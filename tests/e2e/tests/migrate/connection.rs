//! Runs behind a broken network, a connection pooler and a resuming server.

use std::time::{Duration, Instant};

use local_stack::postgres::{Durability, Postgres};
use local_stack::tools::Tools;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use testing::checkout;
use testing::process::{Supervisor, free_port};
use testing::progress::Progress;
use wagrun_database::connection::{DatabaseConfig, SessionSettings};
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::{
    assert_migrated, migrate, runs, start_migration, wait_until, wait_until_lock_is_free,
};
use crate::support::proxy::{Proxy, Settings};
use crate::support::runtime::run;

/// Returns the URL of the database with another port.
fn url_with_port(database: &Database, port: u16) -> String {
    let direct = format!(":{}/", database.postgres().port());
    database.url().replace(&direct, &format!(":{port}/"))
}

#[test]
fn a_pooler_is_refused_before_anything_is_locked() {
    run(async {
        let database = Database::new().await;
        for settings in [Settings::Dropped, Settings::Refused] {
            let pooler = Proxy::start(database.postgres().port(), settings).await;
            let error = migrate(&url_with_port(&database, pooler.port()))
                .await
                .unwrap_err();
            let error = chain(&error);
            assert!(
                error.contains("a connection pooler such as PgBouncer must be in between"),
                "{settings:?}: {error}"
            );
        }
        let mut session = database.connect().await;
        assert_eq!(runs(&mut session).await.len(), 1, "the template's");
        let proxy = Proxy::start(database.postgres().port(), Settings::Kept).await;
        migrate(&url_with_port(&database, proxy.port()))
            .await
            .unwrap();
    });
}

#[test]
fn a_server_that_refuses_for_forty_seconds_is_waited_for() {
    run(async {
        let database = Database::new().await;
        let port = free_port().unwrap();
        let url = url_with_port(&database, port);
        let started = Instant::now();
        let waiting = start_migration(&url);
        tokio::time::sleep(Duration::from_secs(40)).await;
        assert!(!waiting.is_finished(), "it gave up");
        let _proxy = Proxy::start_on(port, database.postgres().port(), Settings::Kept).await;
        waiting.await.unwrap().unwrap();
        assert!(started.elapsed() >= Duration::from_secs(40));
        assert_migrated(&mut database.connect().await).await;
    });
}

#[test]
fn an_error_that_no_resuming_server_causes_fails_soon() {
    run(async {
        let database = Database::new().await;
        let direct: PgConnectOptions = database.url().parse().unwrap();
        let table = [
            (
                direct.clone().host("no-such-host.invalid"),
                "failed to lookup address information",
            ),
            (
                direct.clone().username("nobody_knows"),
                "role \"nobody_knows\" does not exist",
            ),
            (
                direct.clone().database("nowhere"),
                "database \"nowhere\" does not exist",
            ),
        ];
        for (options, reason) in table {
            let started = Instant::now();
            let config = DatabaseConfig::trusted(options);
            let error = config
                .connect(SessionSettings {
                    application_name: "a test",
                    idle_timeout: Duration::from_secs(60),
                    lock_timeout: None,
                    server: &[],
                })
                .await
                .unwrap_err();
            let error = chain(&error);
            assert!(error.contains(reason), "{error}");
            assert!(started.elapsed() < Duration::from_secs(20), "{error}");
        }
    });
}

#[test]
fn a_network_that_is_gone_in_the_middle_of_a_run_frees_the_lock_within_a_minute() {
    run(async {
        let database = Database::empty().await;
        let proxy = Proxy::start(database.postgres().port(), Settings::Kept).await;
        let url = url_with_port(&database, proxy.port());
        let running = start_migration(&url);

        let mut session = database.connect().await;
        wait_until(
            &mut session,
            "Django at work",
            "select to_regclass('django_migrations') is not null",
        )
        .await;
        proxy.stall();
        let stalled = Instant::now();
        let error = running.await.unwrap().unwrap_err().to_string();
        assert_eq!(error, "the session with the migration lock was lost");
        let noticed = stalled.elapsed();

        // No packet of the stalled run reaches the server. The server has to notice by itself.
        wait_until_lock_is_free(&mut session).await;
        let free = stalled.elapsed();
        assert!(free < Duration::from_secs(60), "{free:?}");
        println!(
            "a stalled network: noticed by the run after {noticed:.1?}, lock free after {free:.1?}"
        );
        migrate(&database.url()).await.unwrap();
        assert_migrated(&mut session).await;
    });
}

/// The test has a server of its own, because the others need theirs.
#[test]
fn a_server_that_restarts_in_the_middle_of_a_run_fails_it_and_the_next_one_goes_on() {
    run(async {
        let tools = Tools::install(checkout(), &Progress::quiet())
            .await
            .unwrap();
        let logs = checkout().join(".local/logs");
        let supervisor = Supervisor::start("restarted", &logs).unwrap();
        let venv = tools.environment("postgres");
        let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &Progress::quiet())
            .await
            .unwrap();
        postgres.create_database("restarted", None).await.unwrap();
        let url = postgres.url("restarted");

        let running = start_migration(&url);
        let mut session = PgConnection::connect(&url).await.unwrap();
        wait_until(
            &mut session,
            "Django at work",
            "select to_regclass('django_migrations') is not null",
        )
        .await;
        session.close().await.unwrap();
        postgres.restart(&supervisor).await.unwrap();
        running.await.unwrap().unwrap_err();

        migrate(&url).await.unwrap();
        let mut session = PgConnection::connect(&url).await.unwrap();
        assert_migrated(&mut session).await;
    });
}
