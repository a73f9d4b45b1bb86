//! The schema `wagrun`: migrating installs what `shared/database/schema.sql` shows, also when it is repeated or concurrent.

use std::path::PathBuf;
use std::process::Command;

use sqlx::{Connection, PgConnection};
use testing::checkout;
use wagrun_database::schema;

use crate::support::database::Database;
use crate::support::migration::{invocation, migrate_config};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::sql::execute;

/// Returns the schema as `pg_dump` writes it, without the lines that differ between runs.
fn dump(database: &Database) -> String {
    let postgres = database.postgres();
    let output = Command::new(postgres.binaries().join("pg_dump"))
        .args(["--schema-only", "--schema=wagrun", "--no-owner", "--dbname"])
        .arg(postgres.url(&database.name))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| {
            // These lines have the versions of pg_dump and of the server, and a token that is new each time.
            !line.starts_with("-- Dumped")
                && !line.starts_with("\\restrict")
                && !line.starts_with("\\unrestrict")
        })
        .collect();
    format!("{}\n", kept.join("\n").trim())
}

fn dumped_file() -> PathBuf {
    checkout().join("shared/database/schema.sql")
}

/// `make schema` runs this test with `UPDATE_SCHEMA=1`, which writes the file.
#[test]
fn the_dumped_schema_is_what_is_installed() {
    let installed = run(async { dump(&Database::new().await) });
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(dumped_file(), &installed).unwrap();
    }
    let file = std::fs::read_to_string(dumped_file()).unwrap();
    assert!(
        file == installed,
        "shared/database/schema.sql is out of date: run `make schema`"
    );
}

async fn triggers(connection: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "select distinct tgrelid::regclass::text from pg_trigger where tgname like 'wagrun_capture%' order by 1",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

#[test]
fn everything_that_django_calls_content_is_watched() {
    run(async {
        let mut session = Database::new().await.connect().await;
        assert_eq!(
            triggers(&mut session).await,
            [
                "blog_author",
                "blog_blogindexpage",
                "blog_blogpage",
                "blog_relatedlink",
                "home_homepage",
                "taggit_taggeditem",
                "wagtailcore_collection",
                "wagtailcore_collectionviewrestriction",
                "wagtailcore_collectionviewrestriction_groups",
                "wagtailcore_locale",
                "wagtailcore_page",
                "wagtailcore_pageviewrestriction",
                "wagtailcore_pageviewrestriction_groups",
                "wagtailcore_site",
                "wagtaildocs_document",
                "wagtailimages_image",
                "wagtailredirects_redirect",
            ]
        );
    });
}

#[test]
fn migrating_again_changes_nothing_and_a_named_table_is_watched_too() {
    run(async {
        let database = Database::new().await;
        let before = dump(&database);
        let mut config = migrate_config(database.config("wagtail_admin")).await;
        config.watched_tables = vec!["taggit_tag".to_owned()];
        let answer = migrate::Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
            .migrate(&invocation())
            .await
            .unwrap();
        assert_eq!(answer.applied_django, [""; 0]);
        assert_eq!(answer.superuser, migrate::SuperuserOutcome::NotConfigured);
        assert_eq!(dump(&database), before);

        let mut session = database.connect().await;
        execute(
            &mut session,
            "insert into taggit_tag (id, name, slug) values (2, 'Example', 'example')",
        )
        .await;
        let objects: Vec<String> =
            sqlx::query_scalar("select object from wagrun.outbox where not ends")
                .fetch_all(&mut session)
                .await
                .unwrap();
        assert_eq!(objects, ["taggit_tag/2"]);
    });
}

#[test]
fn twenty_at_once_migrate_an_empty_database_once() {
    run(async {
        let postgres = Database::new().await.postgres();
        let name = "twenty_at_once";
        postgres.create_database(name, None).await.unwrap();
        let url = postgres.url(name);
        let runs = (0..20).map(async |_| {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            schema::migrate(&mut connection).await
        });
        for result in futures::future::join_all(runs).await {
            result.unwrap();
        }
    });
}

#[test]
fn a_table_that_is_no_longer_content_loses_its_triggers() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let watched = schema::watch_tables(&mut session, &[], in_a_minute())
            .await
            .unwrap();
        assert_eq!(watched, 0);
        assert_eq!(triggers(&mut session).await, [""; 0]);
        execute(
            &mut session,
            "update wagtailcore_page set title = 'unheard' where id = 3",
        )
        .await;
    });
}
