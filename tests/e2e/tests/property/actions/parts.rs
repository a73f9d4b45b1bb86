//! Actions on parts of pages: the rows of their types, and inline children.

use fastrand::Rng;

use super::super::content::{Content, NAMED_AUTHORS, pick, pick_and_forget};
use super::super::tokens::Tokens;
use super::pages::update_page;
use crate::support::content::{HOME, insert_link};

pub fn change_subclass(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (id, text) = (pick(&content.posts, rng), tokens.text());
    let set = match rng.u8(..3) {
        0 => format!("body = '[\"{text}\"]'"),
        1 => format!("intro = '{text}', body = '[\"{text}\"]'"),
        _ => format!("intro = '{text}'"),
    };
    vec![format!(
        "update blog_blogpage set {set} where page_ptr_id = {id}"
    )]
}

pub fn choose_author(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (id, author) = (pick(&content.posts, rng), NAMED_AUTHORS[rng.usize(..3)]);
    vec![format!(
        "update blog_blogpage set author_id = {author} where page_ptr_id = {id}"
    )]
}

pub fn change_front_page(_: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let text = tokens.text();
    let mut statements = vec![format!(
        "update home_homepage set introduction = '{text}' where page_ptr_id = {HOME}"
    )];
    if rng.bool() {
        statements.extend(update_page(HOME, &format!("title = '{text}'")));
    }
    statements
}

pub fn insert_links(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let page = pick(&content.posts, rng);
    let insert = |_| {
        let id = content.new_id();
        content.links.push(id);
        insert_link(id, page, &tokens.text())
    };
    (0..rng.u32(1..4)).map(insert).collect()
}

pub fn change_link(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (id, title) = (pick(&content.links, rng), tokens.text());
    vec![format!(
        "update blog_relatedlink set title = '{title}' where id = {id}"
    )]
}

pub fn change_all_links(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (page, title) = (pick(&content.posts, rng), tokens.text());
    vec![format!(
        "update blog_relatedlink set title = '{title}' where page_id = {page}"
    )]
}

pub fn delete_links(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    if rng.bool() {
        let page = pick(&content.posts, rng);
        return vec![format!(
            "delete from blog_relatedlink where page_id = {page}"
        )];
    }
    let id = pick_and_forget(&mut content.links, rng);
    vec![format!("delete from blog_relatedlink where id = {id}")]
}

pub fn move_link(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (id, page) = (pick(&content.links, rng), pick(&content.posts, rng));
    vec![format!(
        "update blog_relatedlink set page_id = {page} where id = {id}"
    )]
}

/// Changes the order of a link, mostly there and back.
pub fn toggle_link(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let id = pick(&content.links, rng);
    let toggle = format!("update blog_relatedlink set sort_order = 1 - sort_order where id = {id}");
    vec![toggle; rng.usize(1..4)]
}

/// Changes a field of which only the name is known, mostly there and back.
pub fn toggle_body(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let id = pick(&content.posts, rng);
    let set =
        |body: &str| format!("update blog_blogpage set body = {body} where page_ptr_id = {id}");
    let (there, back) = (
        set("jsonb_build_array(body)"),
        set("coalesce(body -> 0, '[]')"),
    );
    match rng.u8(..3) {
        0 => vec![there],
        _ => vec![there, back],
    }
}
