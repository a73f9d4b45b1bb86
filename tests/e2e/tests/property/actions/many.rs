//! Actions that change many objects, or none.

use fastrand::Rng;

use super::super::content::{Content, FIRST_BULK_AUTHOR, pick};
use super::super::tokens::Tokens;
use super::pages::{at_or_below, page, update_page};

pub fn change_many(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (text, section) = (tokens.text(), pick(&content.sections, rng));
    if rng.u8(..16) == 0 {
        // The drain needs several claims for so many changes.
        return vec![format!(
            "update blog_author set name = '{text}' where id >= {FIRST_BULK_AUTHOR}"
        )];
    }
    vec![match rng.u8(..3) {
        0 => format!(
            "update wagtailcore_page set title = '{text}' where {}",
            at_or_below(section)
        ),
        1 => format!(
            "update blog_blogpage set intro = '{text}' where page_ptr_id % 3 = {}",
            rng.u8(..3)
        ),
        _ => format!(
            "update blog_relatedlink set title = '{text}' where page_id % 5 = {}",
            rng.u8(..5)
        ),
    }]
}

/// Returns statements that change nothing, or changes that cancel out.
pub fn change_nothing(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (id, text) = (page(content, rng), tokens.text());
    match rng.u8(..4) {
        0 => update_page(id, "title = title"),
        1 => update_page(id, "numchild = numchild + 1"),
        2 => vec![format!(
            "update blog_relatedlink set title = title where page_id = {id}"
        )],
        _ => vec![
            format!("update wagtailcore_page set title = title || '{text}' where id = {id}"),
            format!(
                "update wagtailcore_page set title = replace(title, '{text}', '') where id = {id}"
            ),
        ],
    }
}
