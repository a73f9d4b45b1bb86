//! Actions on snippets and images.

use fastrand::Rng;

use super::super::content::{Content, NAMED_AUTHORS, pick, pick_and_forget};
use super::super::tokens::Tokens;
use crate::support::content::{insert_author, insert_image};

pub fn change_author(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let text = tokens.text();
    let id = match rng.u8(..4) {
        0 => NAMED_AUTHORS[rng.usize(..3)],
        _ => pick(&content.authors, rng),
    };
    let column = if rng.u8(..4) == 0 { "bio" } else { "name" };
    vec![format!(
        "update blog_author set {column} = '{text}' where id = {id}"
    )]
}

pub fn insert_or_delete_author(
    content: &mut Content,
    rng: &mut Rng,
    tokens: &Tokens,
) -> Vec<String> {
    if content.authors.len() > 8 {
        let id = pick_and_forget(&mut content.authors, rng);
        return vec![format!("delete from blog_author where id = {id}")];
    }
    let id = content.new_id();
    content.authors.push(id);
    vec![insert_author(id, &tokens.text())]
}

pub fn change_author_key(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (old, new) = (pick_and_forget(&mut content.authors, rng), content.new_id());
    content.authors.push(new);
    vec![format!(
        "update blog_author set id = {new} where id = {old}"
    )]
}

pub fn change_image(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let id = pick(&content.images, rng);
    let set = match rng.u8(..3) {
        0 => format!("width = {}, height = 2", tokens.number()),
        _ => format!("title = '{}'", tokens.text()),
    };
    vec![format!(
        "update wagtailimages_image set {set} where id = {id}"
    )]
}

pub fn insert_or_delete_image(
    content: &mut Content,
    rng: &mut Rng,
    tokens: &Tokens,
) -> Vec<String> {
    if content.images.len() > 6 {
        let id = pick_and_forget(&mut content.images, rng);
        return vec![format!("delete from wagtailimages_image where id = {id}")];
    }
    let id = content.new_id();
    content.images.push(id);
    vec![insert_image(id, &tokens.text())]
}
