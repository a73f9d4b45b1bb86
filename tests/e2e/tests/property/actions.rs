//! The actions of an editor within a transaction, as the statements that Wagtail sends, in Wagtail's order.

mod many;
mod objects;
mod pages;
mod parts;

use fastrand::Rng;

use self::many::{change_many, change_nothing};
use self::objects::{
    change_author, change_author_key, change_image, insert_or_delete_author, insert_or_delete_image,
};
use self::pages::{
    change_slug, change_slug_of_section, delete_post, expire, insert_post, move_page, publish,
    rename_page, replace_section, save_draft, unpublish,
};
use self::parts::{
    change_all_links, change_front_page, change_link, change_subclass, choose_author, delete_links,
    insert_links, move_link, toggle_body, toggle_link,
};
use super::content::Content;
use super::tokens::Tokens;

type Action = fn(&mut Content, &mut Rng, &Tokens) -> Vec<String>;

/// The actions, each with its weight in the random choice.
const ACTIONS: [(u32, Action); 28] = [
    (6, rename_page),
    (6, save_draft),
    (5, publish),
    (5, unpublish),
    (2, expire),
    (3, change_slug),
    (2, change_slug_of_section),
    (2, move_page),
    (6, change_subclass),
    (2, choose_author),
    (3, change_front_page),
    (4, insert_links),
    (5, change_link),
    (3, change_all_links),
    (3, delete_links),
    (4, move_link),
    (4, toggle_link),
    (4, toggle_body),
    (3, insert_post),
    (3, delete_post),
    (1, replace_section),
    (5, change_author),
    (2, insert_or_delete_author),
    (3, change_author_key),
    (4, change_image),
    (2, insert_or_delete_image),
    (2, change_many),
    (3, change_nothing),
];

/// Returns the statements of one random action.
pub fn random_action(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let sum: u32 = ACTIONS.iter().map(|(weight, _)| weight).sum();
    let mut rest = rng.u32(..sum);
    for (weight, action) in ACTIONS {
        if rest < weight {
            return action(content, rng, tokens);
        }
        rest -= weight;
    }
    unreachable!("the rest is less than the sum of all weights");
}
