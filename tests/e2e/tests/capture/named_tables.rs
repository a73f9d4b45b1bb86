//! Tables outside Django's models that are watched by name, and partitioned and inherited tables.

use migrate::Migrator;
use serde_json::json;
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::{invocation, migrate_config};
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::sql::{WEB_ROLE, execute};

async fn migrate_watching(database: &Database, tables: &[&str]) -> Result<usize, String> {
    let mut config = migrate_config(database.config("wagtail_admin")).await;
    config.watched_tables = tables.iter().map(|&name| name.to_owned()).collect();
    let migrated = Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
        .migrate(&invocation())
        .await;
    migrated
        .map(|it| it.watched_tables)
        .map_err(|error| chain(&error))
}

#[test]
fn a_partitioned_table_and_tables_that_inherit_are_captured_whole() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table visit (number int primary key, title varchar(50)) partition by range (number);\n\
             create table visit_low partition of visit for values from (0) to (100);\n\
             create table visit_high partition of visit for values from (100) to (200);\n\
             create table animal (id int primary key, name varchar(50));\n\
             create table dog (bark varchar(50)) inherits (animal)",
        )
        .await;
        migrate_watching(&site.database, &["visit", "animal"])
            .await
            .unwrap();
        execute(
            &mut session,
            "insert into visit values (1, 'first');\n\
             update visit set number = 150 where number = 1;\n\
             create table visit_new partition of visit for values from (200) to (300);\n\
             insert into visit values (250, 'in a new partition');\n\
             insert into dog values (1, 'Rex', 'wow');\n\
             update animal set name = 'Max'",
        )
        .await;
        site.sweep().await.unwrap();
        let seen: Vec<(String, String)> = site
            .topic
            .accepted()
            .into_iter()
            .map(|event| (event.kind, event.subject))
            .collect();
        let expected = [
            ("wagtail.visit.created", "visit/1"),
            ("wagtail.visit.deleted", "visit/1"),
            ("wagtail.visit.created", "visit/150"),
            ("wagtail.visit.created", "visit/250"),
            ("wagtail.animal.created", "animal/1"),
            ("wagtail.animal.updated", "animal/1"),
        ];
        for (kind, subject) in expected {
            assert!(
                seen.contains(&(kind.to_owned(), subject.to_owned())),
                "{kind} {subject} in {seen:?}"
            );
        }
        assert_eq!(seen.len(), expected.len());
    });
}

#[test]
fn a_named_table_withholds_what_is_large_and_what_looks_like_a_secret() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table account (email varchar(100) primary key, api_key varchar(40), biography text, visits int)",
        )
        .await;
        migrate_watching(&site.database, &["account"])
            .await
            .unwrap();
        execute(
            &mut session,
            "insert into account values ('a@example.org', 'hush', 'long', 1);\n\
             update account set api_key = 'hush hush', biography = 'longer', visits = 2",
        )
        .await;
        site.sweep().await.unwrap();
        let event = &site.events("account/a@example.org")[1];
        assert_eq!(
            event.data["changed"],
            json!(["api_key", "biography", "visits"])
        );
        assert_eq!(
            event.data["fields"],
            json!({"email": "a@example.org", "visits": 2})
        );
        let all = serde_json::to_string(&site.topic.accepted()).unwrap();
        assert!(!all.contains("hush") && !all.contains("long"));
    });
}

#[test]
fn a_table_that_cannot_be_captured_is_refused_with_the_reason() {
    run(async {
        let database = Database::new().await;
        let mut session = database.connect().await;
        execute(
            &mut session,
            "create table pair (a int, b int, primary key (a, b));\n\
             create table keyless (a int);\n\
             create table parted (id int primary key) partition by range (id);\n\
             create table parted_low partition of parted for values from (0) to (9);\n\
             create view shown as select 1 as id",
        )
        .await;
        for (table, sentence) in [
            ("nowhere", "WATCHED_TABLES: there is no table nowhere"),
            (
                "shown",
                "WATCHED_TABLES: shown is a view, whose changes cannot be captured; name the table behind it",
            ),
            (
                "pair",
                "WATCHED_TABLES: pair has a primary key of several columns (a, b); one is needed",
            ),
            (
                "keyless",
                "WATCHED_TABLES: keyless has no primary key, by which its rows could be told apart",
            ),
            (
                "parted_low",
                "WATCHED_TABLES: parted_low is a partition; name the partitioned table parted",
            ),
        ] {
            assert_eq!(
                migrate_watching(&database, &[table]).await,
                Err(sentence.to_owned())
            );
        }
        for table in ["wagrun.event", "pg_class"] {
            let refused = migrate_watching(&database, &[table]).await.unwrap_err();
            assert_eq!(
                refused,
                format!(
                    "WATCHED_TABLES: {table} is no content: it is wagrun's own or PostgreSQL's"
                )
            );
        }
        // A table that is content already needs no name, and naming it is no error.
        migrate_watching(&database, &["blog_author"]).await.unwrap();
    });
}

#[test]
fn a_table_has_one_name_however_it_is_spelled() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create schema \"Odd\";\n\
             create table ord (id int, title varchar(50), primary key (id) include (title));\n\
             create table \"Odd\".\"Table\" (id int primary key)",
        )
        .await;
        let watched =
            migrate_watching(&site.database, &["ord", "public.ord", "\"Odd\".\"Table\""]).await;
        let without = migrate_watching(&site.database, &["ord", "\"Odd\".\"Table\""]).await;
        assert_eq!(watched, without);
        execute(
            &mut session,
            "insert into ord values (1, 'One');\n\
             insert into \"Odd\".\"Table\" values (1)",
        )
        .await;
        assert_eq!(site.sweep().await.unwrap().published, 2);
        assert_eq!(site.events("ord/1").len(), 1);
        assert_eq!(site.events("Odd.Table/1").len(), 1);
    });
}

#[test]
fn truncating_a_partition_or_one_table_of_a_family_deletes_what_was_in_it() {
    run(async {
        let site = RelayedSite::new().await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "create table visit (id int primary key) partition by range (id);\n\
             create table visit_low partition of visit for values from (0) to (100);\n\
             create table visit_high partition of visit for values from (100) to (200);\n\
             create table animal (id int primary key);\n\
             create table dog () inherits (animal);\n\
             insert into visit values (1), (150);\n\
             insert into animal values (1); insert into dog values (2)",
        )
        .await;
        migrate_watching(&site.database, &["visit", "animal"])
            .await
            .unwrap();
        execute(
            &mut session,
            "truncate visit_low;\n\
             truncate only animal",
        )
        .await;
        site.sweep().await.unwrap();
        let mut gone: Vec<_> = site
            .topic
            .accepted()
            .into_iter()
            .map(|event| (event.kind, event.subject))
            .collect();
        gone.sort();
        let expected = [
            ("wagtail.animal.deleted", "animal/1"),
            ("wagtail.visit.deleted", "visit/1"),
        ];
        assert_eq!(
            gone,
            expected.map(|(kind, subject)| (kind.to_owned(), subject.to_owned()))
        );

        // A table that no longer inherits from `animal` is no longer captured.
        execute(&mut session, "alter table dog no inherit animal").await;
        migrate_watching(&site.database, &["visit", "animal"])
            .await
            .unwrap();
        execute(&mut session, "update dog set id = 3").await;
        assert_eq!(site.sweep().await.unwrap().published, 0);
    });
}

#[test]
fn a_table_of_another_owner_fails_no_migration() {
    run(async {
        let database = Database::new().await;
        let mut superuser = database.observer().await;
        execute(&mut superuser, "create table theirs (id int primary key)").await;
        migrate_watching(&database, &[]).await.unwrap();
        let refused = migrate_watching(&database, &["theirs"]).await.unwrap_err();
        assert_eq!(
            refused,
            "WATCHED_TABLES: theirs belongs to postgres, and only its owner may put triggers on it"
        );
        // The site's own tables are granted as always.
        let mut web = database.connect_as(WEB_ROLE).await;
        execute(&mut web, "update blog_author set bio = ''").await;
    });
}
