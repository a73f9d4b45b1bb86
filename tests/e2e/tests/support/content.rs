//! SQL that inserts content as Wagtail does.

/// The id of the front page, which the site's own migrations create.
pub const HOME: u32 = 3;

/// Returns the last step of a page's path in Wagtail's tree, which has four characters.
fn path_step(id: u32) -> String {
    let digit = |power: u32| char::from_digit(id / 36_u32.pow(power) % 36, 36).unwrap();
    [3, 2, 1, 0]
        .map(digit)
        .iter()
        .collect::<String>()
        .to_uppercase()
}

/// Returns the statements that insert a page below another: the page row, then the row of its type.
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
             locale_id, translation_key, seo_title, search_description, show_in_menus, expired, locked, first_published_at)
         select {id}, parent.path || '{path}', parent.depth + 1, 0, '{slug}', '{slug}', '{slug}',
            parent.url_path || '{slug}/', {id} % 2 = 0, false, ct.id, parent.locale_id, gen_random_uuid(), '', '', false, false, false,
            '2026-01-01T00:00:00Z'
         from wagtailcore_page as parent, django_content_type as ct
         where parent.id = {parent} and ct.app_label = 'blog' and ct.model = '{model}'"
    );
    [page, subclass]
}

/// Returns the statement that inserts a related link of a post.
pub fn insert_link(id: u32, page: u32, title: &str) -> String {
    format!(
        "insert into blog_relatedlink (id, sort_order, title, url, page_id)
         select {id}, {id}, '{title}', 'https://example.org/', page_ptr_id from blog_blogpage where page_ptr_id = {page}"
    )
}

/// Returns the statement that inserts an author.
pub fn insert_author(id: u32, name: &str) -> String {
    format!("insert into blog_author (id, name, bio) values ({id}, '{name}', '{name}')")
}

/// Returns the statement that inserts an image.
pub fn insert_image(id: u32, title: &str) -> String {
    format!(
        "insert into wagtailimages_image
            (id, title, file, description, width, height, created_at, file_hash, collection_id)
         select {id}, '{title}', 'pixel.png', '{title}', 1, 1, now(), '', min(id) from wagtailcore_collection"
    )
}
