//! A draft whose restrictions change, and which a later transaction publishes before the drain reads it.

use serde_json::{Value, json};

use crate::support::content::insert_page;
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::section_site::{SECTION, action_and_field, site_with_section};
use crate::support::sql::execute;

const DRAFT: u32 = 7001;

/// Executes these statements, each in a transaction of its own, when the events of a restricted draft are published. Drains once, and
/// returns the actions of the draft's further events, with `live`.
async fn further_events(statements: &[&str]) -> Vec<(String, Value)> {
    let site = site_with_section().await;
    restricted_draft(&site).await;
    let before = site.events("page/7001").len();
    let mut session = site.database.connect().await;
    for statement in statements {
        execute(&mut session, statement).await;
    }
    site.sweep().await.unwrap();
    action_and_field(&site.events("page/7001")[before..], "live")
}

async fn restricted_draft(site: &RelayedSite) {
    let mut session = site.database.connect().await;
    let insert = insert_page(DRAFT, SECTION, "blogpage", "draft").join("; ");
    let draft = format!(
        "begin; {insert}; update wagtailcore_page set live = false where id = {DRAFT}; commit"
    );
    execute(&mut session, &draft).await;
    let restrict = format!(
        "insert into wagtailcore_pageviewrestriction (id, page_id, restriction_type, password)
         values (1, {DRAFT}, 'password', 'sesame')"
    );
    execute(&mut session, &restrict).await;
    site.sweep().await.unwrap();
}

const LIFT: &str = "delete from wagtailcore_pageviewrestriction";
const PUBLISH: &str = "update wagtailcore_page set live = true where id = 7001";

fn updated_and_published() -> [(String, Value); 2] {
    [("updated", false), ("published", true)].map(|(action, live)| (action.to_owned(), json!(live)))
}

#[test]
fn its_publication_is_published_when_one_drain_finds_both() {
    run(async {
        assert_eq!(
            further_events(&[LIFT, PUBLISH]).await,
            updated_and_published()
        );
    });
}

/// The first claim leaves the publication, because a transaction before it extends beyond what is claimed at once.
#[test]
fn its_publication_is_published_when_a_later_claim_numbers_it() {
    run(async {
        let large = "insert into blog_author (id, name, bio)
                     select number, 'author', '' from generate_series(100, 2600) as number";
        assert_eq!(
            further_events(&[LIFT, large, PUBLISH]).await,
            updated_and_published()
        );
    });
}
