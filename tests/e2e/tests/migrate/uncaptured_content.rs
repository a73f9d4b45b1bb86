//! Pages that came while capture was off, as Django's migrations and imports make them.

use crate::support::migration::start_migration;
use crate::support::runtime::run;
use crate::support::section_site::{OTHER_POST, POST, SECTION, site_with_section};
use crate::support::sql::execute;

#[test]
fn pages_that_came_while_capture_was_off_are_heard_of_when_their_section_becomes_private() {
    run(async {
        let site = site_with_section().await;
        start_migration(&site.database.url())
            .await
            .unwrap()
            .unwrap();
        site.sweep().await.unwrap();
        assert!(site.topic.accepted().is_empty(), "they were announced");

        let mut owner = site.database.connect().await;
        let restrict = format!(
            "insert into wagtailcore_pageviewrestriction (id, page_id, restriction_type, password)
             values (1, {SECTION}, 'login', '')"
        );
        execute(&mut owner, &restrict).await;
        site.sweep().await.unwrap();
        for page in [SECTION, POST, OTHER_POST] {
            let events = site.events(&format!("page/{page}"));
            let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
            assert_eq!(kinds, ["wagtail.page.unpublished"], "page/{page}");
        }

        // Nothing is left to record, so the next run does not ring.
        start_migration(&site.database.url())
            .await
            .unwrap()
            .unwrap();
        let is_wanted: bool = sqlx::query_scalar("select is_wanted from wagrun.visibility_scan")
            .fetch_one(&mut owner)
            .await
            .unwrap();
        assert!(!is_wanted);
    });
}
