use super::*;
use crate::fixtures::{change, page, rules};
use serde_json::json;

/// Returns the visibility of a page of the fixtures to everybody, at this path of the site.
fn public_at(path: &str) -> SaidVisibility {
    SaidVisibility::Known(Visibility {
        visible_to: Visibility::PUBLIC.to_owned(),
        groups: Vec::new(),
        url: Some(format!("https://www.example.org{path}")),
        urls: vec![format!("https://www.example.org{path}")],
    })
}

fn decide_page(before: Value, after: Value, touched: &[&str], said: &SaidVisibility) -> Decision {
    decide(&change(before, after, touched), said, &rules())
}

/// Decides about the comparison of a page in this state.
fn compare_page(state: Value, said: &SaidVisibility, rules: &VisibilityRules) -> Decision {
    let mut comparison = change(state.clone(), state, &[]);
    comparison.is_comparison = true;
    decide(&comparison, said, rules)
}

#[track_caller]
fn assert_action(
    before: Value,
    after: Value,
    touched: &[&str],
    said: &SaidVisibility,
    expected: Option<Action>,
) {
    let decision = decide_page(before, after, touched, said);
    assert_eq!(decision.action, expected);
}

fn live() -> SaidVisibility {
    public_at("/news/")
}

#[test]
fn an_object_that_is_created_and_deleted_in_one_transaction_has_no_change() {
    let nothing = SaidVisibility::Nothing;
    assert_action(json!(null), json!(null), &["title"], &nothing, None);
}

#[test]
fn a_new_draft_is_created_and_a_new_page_with_a_publication_is_published() {
    let draft = page(json!({"live": false}));
    assert_action(
        json!(null),
        draft,
        &[],
        &SaidVisibility::Nothing,
        Some(Action::Created),
    );
    // A copy that stays live, an alias, an import.
    for trace in [
        json!({"first_published_at": null, "last_published_at": null, "live_revision": null, "alias_of": 3}),
        json!({"first_published_at": null, "last_published_at": null}),
        json!({"live_revision": null}),
    ] {
        let decision = decide_page(json!(null), page(trace), &[], &SaidVisibility::Nothing);
        assert_eq!(decision.action, Some(Action::Published));
        assert_eq!(decision.said, live());
    }
}

/// The steps of Wagtail's admin for a new page: it inserts the page as live, saves a revision, and then publishes or schedules.
#[test]
fn a_page_that_is_inserted_as_live_is_published_once_it_is_decided() {
    let fields =
        json!({"live_revision": null, "first_published_at": null, "last_published_at": null});
    let inserted = page(fields.clone());
    let born = decide_page(json!(null), inserted.clone(), &[], &SaidVisibility::Nothing);
    assert_eq!(born.after.as_ref().unwrap().visible_to, "nobody");
    assert_eq!(
        (born.action, &born.said),
        (Some(Action::Created), &SaidVisibility::Undecided)
    );

    let mut with_revision = inserted.clone();
    with_revision["latest_revision"] = json!(3);
    let saved = decide_page(inserted.clone(), with_revision.clone(), &[], &born.said);
    assert_eq!(
        (saved.action, &saved.said),
        (Some(Action::Updated), &SaidVisibility::Undecided)
    );

    let published = decide_page(with_revision.clone(), page(json!({})), &[], &saved.said);
    assert_eq!(
        (published.action, published.said),
        (Some(Action::Published), live())
    );

    let mut scheduled = with_revision.clone();
    scheduled["live"] = json!(false);
    scheduled["go_live_at"] = json!("2027-01-01T00:00:00+00:00");
    assert_eq!(published.before.unwrap().visible_to, "nobody");
    let scheduled = decide_page(with_revision, scheduled, &[], &saved.said);
    assert_eq!(
        (scheduled.action, scheduled.said),
        (Some(Action::Updated), SaidVisibility::Nothing)
    );

    // Nothing followed the insertion, as for a page that a script made.
    let decided = compare_page(inserted, &born.said, &rules());
    assert_eq!(
        (decided.action, decided.said),
        (Some(Action::Published), live())
    );
}

#[test]
fn a_live_page_without_a_revision_that_is_scheduled_is_unpublished() {
    let imported = json!({"live_revision": null, "last_published_at": null});
    for slug in ["/home/news/", "/home/other/"] {
        let scheduled = json!({
            "live": false, "live_revision": null, "url_path": slug, "go_live_at": "2027-01-01T00:00:00+00:00",
        });
        assert_action(
            page(imported.clone()),
            page(scheduled),
            &[],
            &live(),
            Some(Action::Unpublished),
        );
    }
}

#[test]
fn an_expired_page_that_was_scheduled_once_is_unpublished() {
    let alias =
        json!({"live_revision": null, "alias_of": 3, "go_live_at": "2025-01-01T00:00:00+00:00"});
    let mut expired = alias.clone();
    expired["live"] = json!(false);
    assert_action(
        page(alias),
        page(expired),
        &[],
        &live(),
        Some(Action::Unpublished),
    );
}

#[test]
fn going_live_is_published_and_going_dark_unpublished() {
    let (dark, shown) = (page(json!({"live": false})), page(json!({})));
    let nothing = SaidVisibility::Nothing;
    assert_action(
        dark.clone(),
        shown.clone(),
        &[],
        &nothing,
        Some(Action::Published),
    );
    assert_action(shown, dark, &[], &live(), Some(Action::Unpublished));
}

#[test]
fn a_newer_live_revision_is_published_even_when_the_page_also_moves() {
    assert_action(
        page(json!({"live_revision": 2, "url_path": "/home/old/"})),
        page(json!({"live_revision": 3, "url_path": "/home/new/"})),
        &[],
        &public_at("/old/"),
        Some(Action::Published),
    );
}

#[test]
fn deleting_the_live_revision_publishes_nothing() {
    assert_action(
        page(json!({"live_revision": 2})),
        page(json!({"live_revision": null})),
        &[],
        &live(),
        Some(Action::Updated),
    );
}

#[test]
fn another_address_is_moved_for_a_page_that_the_public_sees_and_else_an_update() {
    let (old, new) = (
        json!({"url_path": "/home/a/"}),
        json!({"url_path": "/home/b/a/"}),
    );
    let moved = decide_page(page(old.clone()), page(new.clone()), &[], &public_at("/a/"));
    assert_eq!(
        (moved.action, moved.said),
        (Some(Action::Moved), public_at("/b/a/"))
    );
    let (mut old, mut new) = (page(old), page(new));
    old["live"] = json!(false);
    new["live"] = json!(false);
    assert_action(
        old,
        new,
        &[],
        &SaidVisibility::Nothing,
        Some(Action::Updated),
    );
}

#[test]
fn a_draft_of_a_live_page_is_updated() {
    for said in [live(), SaidVisibility::AtInstallation] {
        assert_action(
            page(json!({"latest_revision": 3})),
            page(json!({"latest_revision": 4})),
            &["has_unpublished_changes"],
            &said,
            Some(Action::Updated),
        );
    }
}

#[test]
fn a_change_of_a_part_says_nothing_about_visibility() {
    // The present state was read when the page was no longer live. A later event of the page's own row says so.
    let dark = page(json!({"live": false}));
    let decision = decide_page(dark.clone(), dark, &["intro"], &live());
    assert_eq!(
        (decision.action, decision.said),
        (Some(Action::Updated), live())
    );
    let shown = page(json!({}));
    let decision = decide_page(shown.clone(), shown, &["intro"], &SaidVisibility::Undecided);
    assert_eq!(
        (decision.action, decision.said),
        (Some(Action::Updated), SaidVisibility::Undecided)
    );
}

#[test]
fn an_undecided_page_is_shown_to_nobody_and_names_no_groups() {
    let restricted = Visibility {
        visible_to: "groups".to_owned(),
        groups: vec!["Staff".to_owned()],
        url: None,
        urls: Vec::new(),
    };
    let shown = as_said(restricted, &SaidVisibility::Undecided);
    assert_eq!(shown.visible_to, "nobody");
    assert!(shown.groups.is_empty());
}

#[test]
fn a_transaction_without_a_net_change_says_nothing_about_visibility() {
    let dark = page(json!({"live": false}));
    let decision = decide_page(dark.clone(), dark, &[], &live());
    assert_eq!((decision.action, decision.said), (None, live()));
}

#[test]
fn a_page_that_came_while_capture_was_off_counts_as_known() {
    let nothing = SaidVisibility::Nothing;
    let (old, new) = (page(json!({})), page(json!({"live": false})));
    assert_action(old, new, &[], &nothing, Some(Action::Unpublished));
}

#[test]
fn a_change_that_is_undone_does_not_count_but_an_unseen_field_does() {
    assert_action(
        page(json!({})),
        page(json!({})),
        &["title", "title"],
        &live(),
        None,
    );
    assert_action(
        page(json!({})),
        page(json!({})),
        &["body"],
        &live(),
        Some(Action::Updated),
    );
}

#[test]
fn an_image_is_only_ever_created_updated_or_deleted() {
    let nothing = SaidVisibility::Nothing;
    let mut image = change(json!({"title": "a"}), json!({"title": "b"}), &["title"]);
    image.kind = ObjectKind::Image;
    let action = |image: &CapturedChange| decide(image, &nothing, &rules()).action;
    assert_eq!(action(&image), Some(Action::Updated));
    image.before = None;
    assert_eq!(action(&image), Some(Action::Created));
    image.after = None;
    assert_eq!(action(&image), None);
}

mod site_rules;
