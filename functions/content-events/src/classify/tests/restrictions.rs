//! A change of a page's restrictions shows the page's row as it is now.

use super::*;

#[test]
fn a_page_that_a_later_change_makes_live_is_published_with_its_restrictions() {
    // Its row is shown as it is now, and nothing was said of it.
    let shown = page(json!({}));
    assert_action(
        shown.clone(),
        shown.clone(),
        &["view_restrictions"],
        &SaidVisibility::Nothing,
        Some(Action::Published),
    );
    // A change of the row itself tells what was before it.
    assert_action(
        shown,
        page(json!({"live": false})),
        &["view_restrictions", "live"],
        &SaidVisibility::Nothing,
        Some(Action::Unpublished),
    );
}
