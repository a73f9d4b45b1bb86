//! The content that the editors change: sections with posts, their links, authors and images.

use std::sync::Mutex;

use fastrand::Rng;
use sqlx::PgConnection;

use crate::support::content::{HOME, insert_author, insert_image, insert_link, insert_page};
use crate::support::sql::execute;

/// The ids of the authors whom posts may name. These ids never change.
pub const NAMED_AUTHORS: [u32; 3] = [1001, 1002, 1003];
/// The first id of the authors that are only changed all together.
pub const FIRST_BULK_AUTHOR: u32 = 1_000_000;
const BULK_AUTHORS: u32 = 600;
const FIRST_ID: u32 = 1001;

/// The ids of the rows that were inserted and probably not deleted. Other editors may have deleted some.
#[derive(Default)]
pub struct Content {
    pub sections: Vec<u32>,
    pub posts: Vec<u32>,
    pub links: Vec<u32>,
    pub authors: Vec<u32>,
    pub images: Vec<u32>,
    next_id: u32,
}

impl Content {
    /// Returns an empty record.
    pub fn new() -> Mutex<Self> {
        let next = FIRST_ID + u32::try_from(NAMED_AUTHORS.len()).unwrap();
        Mutex::new(Self {
            next_id: next,
            ..Self::default()
        })
    }

    /// Returns an id that no row has had.
    pub fn new_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }
}

/// Returns one of these ids, or 0 if there is none. One of the first four is likely, so that editors meet.
pub fn pick(ids: &[u32], rng: &mut Rng) -> u32 {
    let few = ids.len().min(4);
    match few {
        0 => 0,
        _ if rng.f32() < 0.5 => ids[rng.usize(..few)],
        _ => ids[rng.usize(..ids.len())],
    }
}

/// Returns one of these ids, or 0 if there is none, and removes it in three of four cases.
pub fn pick_and_forget(ids: &mut Vec<u32>, rng: &mut Rng) -> u32 {
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

/// Inserts the initial content, and rewrites every existing row, so that the oracle has seen each row.
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
        let bulk = FIRST_BULK_AUTHOR..FIRST_BULK_AUTHOR + BULK_AUTHORS;
        statements.extend(bulk.map(|id| insert_author(id, "bulk")));
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
