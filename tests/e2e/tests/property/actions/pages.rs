//! Actions on pages: the row in the tree, and the rows that belong to it.

use fastrand::Rng;

use super::super::content::{Content, pick, pick_and_forget};
use super::super::tokens::Tokens;
use crate::support::content::{HOME, insert_link, insert_page};

/// With fewer posts none is deleted. With more posts none is inserted.
const POSTS: std::ops::Range<usize> = 8..30;

/// Returns the id of any page or section.
pub fn page(content: &Content, rng: &mut Rng) -> u32 {
    match rng.u8(..10) {
        0 => HOME,
        1..=2 => pick(&content.sections, rng),
        _ => pick(&content.posts, rng),
    }
}

pub fn update_page(id: u32, set: &str) -> Vec<String> {
    vec![format!("update wagtailcore_page set {set} where id = {id}")]
}

pub fn rename_page(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let title = tokens.text();
    update_page(
        page(content, rng),
        &format!("title = '{title}', draft_title = '{title}'"),
    )
}

pub fn save_draft(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let title = tokens.text();
    update_page(
        page(content, rng),
        &format!("draft_title = '{title}', has_unpublished_changes = true"),
    )
}

pub fn publish(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let time = tokens.time();
    let set = format!(
        "live = true, has_unpublished_changes = false, last_published_at = {time},
         first_published_at = coalesce(first_published_at, {time})"
    );
    update_page(page(content, rng), &set)
}

pub fn unpublish(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    update_page(
        page(content, rng),
        "live = false, has_unpublished_changes = true",
    )
}

pub fn expire(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    update_page(
        page(content, rng),
        &format!("expire_at = {}", tokens.time()),
    )
}

pub fn change_slug(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let slug = tokens.text();
    let set = format!("slug = '{slug}', url_path = regexp_replace(url_path, '[^/]+/$', '{slug}/')");
    update_page(pick(&content.posts, rng), &set)
}

/// Changes the path of a section and of every page below it.
pub fn change_slug_of_section(
    content: &mut Content,
    rng: &mut Rng,
    tokens: &Tokens,
) -> Vec<String> {
    let (id, slug) = (pick(&content.sections, rng), tokens.text());
    vec![
        format!(
            "update wagtailcore_page set slug = '{slug}', url_path = '/home/{slug}/' where id = {id}"
        ),
        format!(
            "update wagtailcore_page set url_path = '/home/{slug}/' || slug || '/' where {} and id <> {id}",
            at_or_below(id)
        ),
    ]
}

pub fn at_or_below(id: u32) -> String {
    format!("path like (select path from wagtailcore_page where id = {id}) || '%'")
}

pub fn move_page(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (id, section) = (pick(&content.posts, rng), pick(&content.sections, rng));
    vec![
        format!(
            "update wagtailcore_page as page
             set path = section.path || right(page.path, 4), url_path = section.url_path || page.slug || '/'
             from wagtailcore_page as section where page.id = {id} and section.id = {section}"
        ),
        format!("update wagtailcore_page set numchild = numchild + 1 where id = {section}"),
    ]
}

pub fn insert_post(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    if content.posts.len() > POSTS.end {
        return delete_post(content, rng, tokens);
    }
    let (id, section) = (content.new_id(), pick(&content.sections, rng));
    let mut statements = insert_page(id, section, "blogpage", &tokens.text()).to_vec();
    content.posts.push(id);
    if rng.bool() {
        let link = content.new_id();
        content.links.push(link);
        statements.push(insert_link(link, id, &tokens.text()));
    }
    statements.push(format!(
        "update wagtailcore_page set numchild = numchild + 1 where id = {section}"
    ));
    statements
}

pub fn delete_post(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    if content.posts.len() < POSTS.start {
        return insert_post(content, rng, tokens);
    }
    let id = pick_and_forget(&mut content.posts, rng);
    vec![
        format!("delete from blog_relatedlink where page_id = {id}"),
        format!("delete from blog_blogpage where page_ptr_id = {id}"),
        format!("delete from wagtailcore_page where id = {id}"),
    ]
}

/// Deletes a section with all its posts, and inserts an empty one.
pub fn replace_section(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (old, new) = (
        pick_and_forget(&mut content.sections, rng),
        content.new_id(),
    );
    content.sections.push(new);
    let below = format!(
        "(select id from wagtailcore_page where {})",
        at_or_below(old)
    );
    let mut statements = insert_page(new, HOME, "blogindexpage", &tokens.text()).to_vec();
    statements.extend([
        format!("delete from blog_relatedlink where page_id in {below}"),
        format!("delete from blog_blogpage where page_ptr_id in {below}"),
        format!("delete from blog_blogindexpage where page_ptr_id in {below}"),
        format!("delete from wagtailcore_page where {}", at_or_below(old)),
    ]);
    statements
}
