//! Decisions that follow from the rules of the site, and not from the object's own row.

use wagrun_database::outbox::{Collection, ViewRestriction};

use super::*;

fn password_rules() -> VisibilityRules {
    let mut rules = rules();
    rules.restrictions.push(ViewRestriction {
        kind: "page".to_owned(),
        path: "00010001".to_owned(),
        restriction: "password".to_owned(),
        groups: Vec::new(),
    });
    rules
}

#[test]
fn a_page_that_becomes_private_is_unpublished_and_its_later_publications_are_updates() {
    let hidden = compare_page(page(json!({})), &live(), &password_rules());
    assert_eq!(hidden.action, Some(Action::Unpublished));
    assert_eq!(hidden.after.as_ref().unwrap().visible_to, "password");
    let newer = change(
        page(json!({"live_revision": 2})),
        page(json!({"live_revision": 3})),
        &[],
    );
    assert_eq!(
        decide(&newer, &hidden.said, &password_rules()).action,
        Some(Action::Updated)
    );
    assert_eq!(
        compare_page(page(json!({})), &hidden.said, &rules()).action,
        Some(Action::Published)
    );
}

#[test]
fn another_host_name_is_moved_and_the_same_one_nothing() {
    let same = compare_page(page(json!({})), &live(), &rules());
    assert_eq!(same.action, None);
    let mut rules = rules();
    rules.roots[0].hostname = "example.net".to_owned();
    let moved = compare_page(page(json!({})), &live(), &rules);
    assert_eq!(moved.action, Some(Action::Moved));
    assert_eq!(
        moved.before.unwrap().urls,
        ["https://www.example.org/news/"]
    );
    assert_eq!(moved.after.unwrap().urls, ["https://example.net/news/"]);
}

#[test]
fn a_stored_decision_is_repeated() {
    let mut replayed = change(page(json!({"live": false})), page(json!({})), &[]);
    let first = decide(&replayed, &SaidVisibility::Nothing, &rules());
    assert_eq!(first.action, Some(Action::Published));
    replayed.decision = first.to_stored();
    let again = decide(&replayed, &live(), &password_rules());
    assert_eq!((again.action, again.after), (first.action, first.after));
}

#[test]
fn a_document_whose_collection_becomes_private_is_updated() {
    let mut document = change(json!({"collection": 1}), json!({"collection": 1}), &[]);
    document.kind = ObjectKind::Document;
    document.is_comparison = true;
    let public = decide(&document, &SaidVisibility::AtInstallation, &rules());
    assert_eq!(public.action, None);
    let mut private = rules();
    private.collections.push(Collection {
        id: 1,
        path: "0001".to_owned(),
    });
    private.restrictions.push(ViewRestriction {
        kind: "document".to_owned(),
        path: "0001".to_owned(),
        restriction: "login".to_owned(),
        groups: Vec::new(),
    });
    let hidden = decide(&document, &public.said, &private);
    assert_eq!(hidden.action, Some(Action::Updated));
    assert_eq!(hidden.after.unwrap().visible_to, "login");
}
