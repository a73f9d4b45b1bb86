//! What an editor may do within a transaction, as the statements that Wagtail sends, in its order.

use fastrand::Rng;

use super::content::{
    Content, HOME, NAMED_AUTHORS, any, insert_author, insert_image, insert_link, insert_page,
};
use super::tokens::Tokens;

/// With fewer posts none is deleted, with more none is inserted.
const POSTS: std::ops::Range<usize> = 8..30;

type Action = fn(&mut Content, &mut Rng, &Tokens) -> Vec<String>;

/// Each with how often it is chosen.
const ACTIONS: [(u32, Action); 26] = [
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

pub fn any_action(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
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

/// Any page, or a section.
fn page(content: &Content, rng: &mut Rng) -> u32 {
    match rng.u8(..10) {
        0 => HOME,
        1..=2 => any(&content.sections, rng),
        _ => any(&content.posts, rng),
    }
}

fn update_page(id: u32, set: &str) -> Vec<String> {
    vec![format!("update wagtailcore_page set {set} where id = {id}")]
}

fn rename_page(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let title = tokens.text();
    update_page(
        page(content, rng),
        &format!("title = '{title}', draft_title = '{title}'"),
    )
}

fn save_draft(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let title = tokens.text();
    update_page(
        page(content, rng),
        &format!("draft_title = '{title}', has_unpublished_changes = true"),
    )
}

fn publish(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let time = tokens.time();
    let set = format!(
        "live = true, has_unpublished_changes = false, last_published_at = {time},
         first_published_at = coalesce(first_published_at, {time})"
    );
    update_page(page(content, rng), &set)
}

fn unpublish(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    update_page(
        page(content, rng),
        "live = false, has_unpublished_changes = true",
    )
}

fn expire(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    update_page(
        page(content, rng),
        &format!("expire_at = {}", tokens.time()),
    )
}

fn change_slug(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let slug = tokens.text();
    let set = format!("slug = '{slug}', url_path = regexp_replace(url_path, '[^/]+/$', '{slug}/')");
    update_page(any(&content.posts, rng), &set)
}

/// The section's path, and that of everything below it.
fn change_slug_of_section(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (id, slug) = (any(&content.sections, rng), tokens.text());
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

fn at_or_below(id: u32) -> String {
    format!("path like (select path from wagtailcore_page where id = {id}) || '%'")
}

fn move_page(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (id, section) = (any(&content.posts, rng), any(&content.sections, rng));
    vec![
        format!(
            "update wagtailcore_page as page
             set path = section.path || right(page.path, 4), url_path = section.url_path || page.slug || '/'
             from wagtailcore_page as section where page.id = {id} and section.id = {section}"
        ),
        format!("update wagtailcore_page set numchild = numchild + 1 where id = {section}"),
    ]
}

fn change_subclass(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (id, text) = (any(&content.posts, rng), tokens.text());
    let set = match rng.u8(..3) {
        0 => format!("body = '[\"{text}\"]'"),
        1 => format!("intro = '{text}', body = '[\"{text}\"]'"),
        _ => format!("intro = '{text}'"),
    };
    vec![format!(
        "update blog_blogpage set {set} where page_ptr_id = {id}"
    )]
}

fn choose_author(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (id, author) = (any(&content.posts, rng), NAMED_AUTHORS[rng.usize(..3)]);
    vec![format!(
        "update blog_blogpage set author_id = {author} where page_ptr_id = {id}"
    )]
}

fn change_front_page(_: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let text = tokens.text();
    let mut statements = vec![format!(
        "update home_homepage set introduction = '{text}' where page_ptr_id = {HOME}"
    )];
    if rng.bool() {
        statements.extend(update_page(HOME, &format!("title = '{text}'")));
    }
    statements
}

fn insert_links(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let page = any(&content.posts, rng);
    let insert = |_| {
        let id = content.new_id();
        content.links.push(id);
        insert_link(id, page, &tokens.text())
    };
    (0..rng.u32(1..4)).map(insert).collect()
}

fn change_link(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (id, title) = (any(&content.links, rng), tokens.text());
    vec![format!(
        "update blog_relatedlink set title = '{title}' where id = {id}"
    )]
}

fn change_all_links(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (page, title) = (any(&content.posts, rng), tokens.text());
    vec![format!(
        "update blog_relatedlink set title = '{title}' where page_id = {page}"
    )]
}

fn delete_links(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    if rng.bool() {
        let page = any(&content.posts, rng);
        return vec![format!(
            "delete from blog_relatedlink where page_id = {page}"
        )];
    }
    let id = take(&mut content.links, rng);
    vec![format!("delete from blog_relatedlink where id = {id}")]
}

fn move_link(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (id, page) = (any(&content.links, rng), any(&content.posts, rng));
    vec![format!(
        "update blog_relatedlink set page_id = {page} where id = {id}"
    )]
}

fn insert_post(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    if content.posts.len() > POSTS.end {
        return delete_post(content, rng, tokens);
    }
    let (id, section) = (content.new_id(), any(&content.sections, rng));
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

fn delete_post(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    if content.posts.len() < POSTS.start {
        return insert_post(content, rng, tokens);
    }
    let id = take(&mut content.posts, rng);
    vec![
        format!("delete from blog_relatedlink where page_id = {id}"),
        format!("delete from blog_blogpage where page_ptr_id = {id}"),
        format!("delete from wagtailcore_page where id = {id}"),
    ]
}

/// Deletes a section with all its posts, and inserts an empty one.
fn replace_section(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (old, new) = (take(&mut content.sections, rng), content.new_id());
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

fn change_author(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let text = tokens.text();
    let id = match rng.u8(..4) {
        0 => NAMED_AUTHORS[rng.usize(..3)],
        _ => any(&content.authors, rng),
    };
    let column = if rng.u8(..4) == 0 { "bio" } else { "name" };
    vec![format!(
        "update blog_author set {column} = '{text}' where id = {id}"
    )]
}

fn insert_or_delete_author(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    if content.authors.len() > 8 {
        let id = take(&mut content.authors, rng);
        return vec![format!("delete from blog_author where id = {id}")];
    }
    let id = content.new_id();
    content.authors.push(id);
    vec![insert_author(id, &tokens.text())]
}

fn change_author_key(content: &mut Content, rng: &mut Rng, _: &Tokens) -> Vec<String> {
    let (old, new) = (take(&mut content.authors, rng), content.new_id());
    content.authors.push(new);
    vec![format!(
        "update blog_author set id = {new} where id = {old}"
    )]
}

fn change_image(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let id = any(&content.images, rng);
    let set = match rng.u8(..3) {
        0 => format!("width = {}, height = 2", tokens.number()),
        _ => format!("title = '{}'", tokens.text()),
    };
    vec![format!(
        "update wagtailimages_image set {set} where id = {id}"
    )]
}

fn insert_or_delete_image(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    if content.images.len() > 6 {
        let id = take(&mut content.images, rng);
        return vec![format!("delete from wagtailimages_image where id = {id}")];
    }
    let id = content.new_id();
    content.images.push(id);
    vec![insert_image(id, &tokens.text())]
}

fn change_many(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
    let (text, section) = (tokens.text(), any(&content.sections, rng));
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

/// Statements that change nothing, and some that come to nothing.
fn change_nothing(content: &mut Content, rng: &mut Rng, tokens: &Tokens) -> Vec<String> {
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

/// One of them, of which most are then forgotten.
fn take(ids: &mut Vec<u32>, rng: &mut Rng) -> u32 {
    if ids.is_empty() {
        return 0;
    }
    let at = rng.usize(..ids.len());
    if ids.len() > 2 && rng.u8(..4) > 0 {
        ids.swap_remove(at)
    } else {
        ids[at]
    }
}
