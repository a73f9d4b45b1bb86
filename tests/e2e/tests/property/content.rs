//! What there is to edit: sections with posts, their links, authors and images.

use std::sync::Mutex;

use fastrand::Rng;
use sqlx::PgConnection;

use crate::support::database::execute;

/// The front page, which the site's own migrations made.
pub const HOME: u32 = 3;
/// Authors whom posts may name: they keep their keys.
pub const NAMED_AUTHORS: [u32; 3] = [1001, 1002, 1003];
/// From this key on authors are only ever changed together.
pub const FIRST_OF_CROWD: u32 = 1_000_000;
const CROWD: u32 = 600;
const FIRST_ID: u32 = 1001;

/// Keys of what was inserted and not yet deleted, as far as anybody may know while others edit.
#[derive(Default)]
pub struct Content {
    pub sections: Vec<u32>,
    pub posts: Vec<u32>,
    pub links: Vec<u32>,
    pub authors: Vec<u32>,
    pub images: Vec<u32>,
    next: u32,
}

impl Content {
    pub fn new() -> Mutex<Self> {
        let next = FIRST_ID + u32::try_from(NAMED_AUTHORS.len()).unwrap();
        Mutex::new(Self {
            next,
            ..Self::default()
        })
    }

    /// A key that no row ever had.
    pub fn new_id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }
}

/// One of them, mostly one of the first, so that editors meet.
pub fn any(ids: &[u32], rng: &mut Rng) -> u32 {
    let few = ids.len().min(4);
    match few {
        0 => 0,
        _ if rng.f32() < 0.5 => ids[rng.usize(..few)],
        _ => ids[rng.usize(..ids.len())],
    }
}

/// The last step of a page's path in the tree: four characters, as Wagtail has it.
fn path_step(id: u32) -> String {
    let digit = |power: u32| char::from_digit(id / 36_u32.pow(power) % 36, 36).unwrap();
    [3, 2, 1, 0]
        .map(digit)
        .iter()
        .collect::<String>()
        .to_uppercase()
}

/// Inserts a page below another, the page row and then that of its type, as Wagtail does.
pub fn insert_page(id: u32, parent: u32, model: &str, slug: &str) -> [String; 2] {
    let path = path_step(id);
    let subclass = match model {
        "blogpage" => format!(
            "insert into blog_blogpage (page_ptr_id, date, intro, body)
             select id, '2026-01-01', '{slug}', '[]' from wagtailcore_page where id = {id}"
        ),
        _ => format!(
            "insert into blog_blogindexpage (page_ptr_id, intro) select id, '{slug}' from wagtailcore_page where id = {id}"
        ),
    };
    let page = format!(
        "insert into wagtailcore_page
            (id, path, depth, numchild, title, draft_title, slug, url_path, live, has_unpublished_changes, content_type_id,
             locale_id, translation_key, seo_title, search_description, show_in_menus, expired, locked)
         select {id}, parent.path || '{path}', parent.depth + 1, 0, '{slug}', '{slug}', '{slug}',
            parent.url_path || '{slug}/', {id} % 2 = 0, false, ct.id, parent.locale_id, gen_random_uuid(), '', '', false, false, false
         from wagtailcore_page as parent, django_content_type as ct
         where parent.id = {parent} and ct.app_label = 'blog' and ct.model = '{model}'"
    );
    [page, subclass]
}

pub fn insert_link(id: u32, page: u32, title: &str) -> String {
    format!(
        "insert into blog_relatedlink (id, sort_order, title, url, page_id)
         select {id}, {id}, '{title}', 'https://example.org/', page_ptr_id from blog_blogpage where page_ptr_id = {page}"
    )
}

pub fn insert_author(id: u32, name: &str) -> String {
    format!("insert into blog_author (id, name, bio) values ({id}, '{name}', '{name}')")
}

pub fn insert_image(id: u32, title: &str) -> String {
    format!(
        "insert into wagtailimages_image
            (id, title, file, description, width, height, created_at, file_hash, collection_id)
         select {id}, '{title}', 'pixel.png', '{title}', 1, 1, now(), '', min(id) from wagtailcore_collection"
    )
}

/// Writes the first content, and every row that was there before, so that the oracle has met all of them.
pub async fn seed(session: &mut PgConnection, content: &Mutex<Content>) {
    let mut statements = vec![
        "begin".to_owned(),
        "set local wagrun.capture = 'off'".to_owned(),
        "update wagtailcore_page set numchild = numchild".to_owned(),
        "update home_homepage set introduction = introduction".to_owned(),
    ];
    {
        let mut content = content.lock().unwrap();
        for section in 0..3 {
            let parent = content.new_id();
            content.sections.push(parent);
            statements.extend(insert_page(
                parent,
                HOME,
                "blogindexpage",
                &format!("section{section}"),
            ));
            for post in 0..4 {
                let id = content.new_id();
                content.posts.push(id);
                statements.extend(insert_page(id, parent, "blogpage", &format!("post{post}")));
                for link in 0..2 {
                    let link_id = content.new_id();
                    content.links.push(link_id);
                    statements.push(insert_link(link_id, id, &format!("link{link}")));
                }
            }
        }
        let crowd = FIRST_OF_CROWD..FIRST_OF_CROWD + CROWD;
        statements.extend(crowd.map(|id| insert_author(id, "crowd")));
        statements.extend(NAMED_AUTHORS.map(|id| insert_author(id, "named")));
        for _ in 0..4 {
            let (author, image) = (content.new_id(), content.new_id());
            content.authors.push(author);
            content.images.push(image);
            statements.push(insert_author(author, "author"));
            statements.push(insert_image(image, "image"));
        }
    }
    statements.push("commit".to_owned());
    execute(session, &statements.join(";\n")).await;
}
