//! The permissions of the site's role and of the relay's role.

use crate::support::database::Database;
use crate::support::outbox_rows::event_states;
use crate::support::runtime::run;
use crate::support::sql::{RELAY_ROLE, WEB_ROLE, execute};

#[test]
fn the_web_role_saves_content_and_sees_nothing_of_the_outbox() {
    run(async {
        let database = Database::new().await;
        let mut web = database.connect_as(WEB_ROLE).await;
        execute(
            &mut web,
            "update wagtailcore_page set title = 'by the web role' where id = 3",
        )
        .await;
        for forbidden in [
            "select * from wagrun.outbox",
            "delete from wagrun.outbox",
            "select wagrun.ring('3')",
            "select wagrun.editor_name('1')",
            "alter table wagtailcore_page disable trigger all",
        ] {
            let error = sqlx::raw_sql(forbidden)
                .execute(&mut web)
                .await
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("permission denied") || error.contains("must be owner"),
                "{forbidden}: {error}"
            );
        }
        let mut owner = database.connect().await;
        assert_eq!(event_states(&mut owner, "page/3").await.len(), 1);
    });
}

#[test]
fn the_relay_role_reads_no_content_and_no_accounts() {
    run(async {
        let database = Database::new().await;
        let mut relay = database.connect_as(RELAY_ROLE).await;
        for forbidden in [
            "select title from wagtailcore_page",
            "select * from auth_user",
            "select content from wagtailcore_revision",
            "update wagtailcore_page set title = ''",
            "update wagrun.event set before = null",
            "select * from wagrun.setting",
        ] {
            let error = sqlx::raw_sql(forbidden)
                .execute(&mut relay)
                .await
                .unwrap_err()
                .to_string();
            assert!(error.contains("permission denied"), "{forbidden}: {error}");
        }
    });
}
