//! The input of an editor: form fields, StreamField blocks and inline forms, encoded like the scripts of the admin do.

use serde_json::{Value, json};

use super::html::{Form, encode_stream};
use super::ids::{ImageId, SnippetId};

/// The fields that an editor changes. All other fields of the form stay as they are.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    plain: Vec<(String, String)>,
    body: Option<Vec<Block>>,
    related_links: Option<Vec<(String, String)>>,
}

/// One block in the body of a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// A paragraph of rich text without formats.
    Paragraph(String),
    /// An image from the library.
    Image(ImageId),
}

impl Fields {
    /// No changes.
    pub fn none() -> Self {
        Self::default()
    }

    /// A title. The slug of a new page follows from it, unless [`Self::slug`] sets one.
    pub fn titled(title: &str) -> Self {
        Self::none().with("title", title)
    }

    /// Sets a plain field by its name in the form: `intro`, `date`, `seo_title`, `go_live_at`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.plain.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the slug.
    #[must_use]
    pub fn slug(self, slug: &str) -> Self {
        self.with("slug", slug)
    }

    /// Sets the author of a post.
    #[must_use]
    pub fn author(self, author: SnippetId) -> Self {
        self.with("author", &author.to_string())
    }

    /// Replaces the whole body.
    #[must_use]
    pub fn body(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.body = Some(blocks.into_iter().collect());
        self
    }

    /// Replaces all related links, each a title and an address.
    #[must_use]
    pub fn related_links<'a>(
        mut self,
        links: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let owned = |(title, url): (&str, &str)| (title.to_owned(), url.to_owned());
        self.related_links = Some(links.into_iter().map(owned).collect());
        self
    }

    /// Returns the fields of `form` with these changes.
    pub(super) fn fill(&self, mut form: Form) -> Vec<(String, String)> {
        for (name, value) in &self.plain {
            form.set(name, value);
        }
        if let Some(blocks) = &self.body {
            form.remove_prefix("body-");
            let blocks: Vec<Value> = blocks.iter().map(Block::to_json).collect();
            for (name, value) in encode_stream("body", &blocks) {
                form.set(&name, value);
            }
        }
        if let Some(links) = &self.related_links {
            replace_links(&mut form, links);
        }
        form.into_fields()
    }
}

impl Block {
    /// Returns the block in the format of the editor's data.
    fn to_json(&self) -> Value {
        match self {
            Self::Heading(text) => json!({"type": "heading", "value": text}),
            Self::Paragraph(text) => {
                json!({"type": "paragraph", "value": content_state(text).to_string()})
            }
            Self::Image(image) => json!({"type": "image", "value": {"id": image.0}}),
        }
    }
}

/// Returns Draft.js content with one unformatted paragraph.
fn content_state(text: &str) -> Value {
    json!({
        "blocks": [{
            "key": "first", "text": text, "type": "unstyled", "depth": 0,
            "inlineStyleRanges": [], "entityRanges": [],
        }],
        "entityMap": {},
    })
}

/// Deletes the present inline forms, and adds new ones after them.
fn replace_links(form: &mut Form, links: &[(String, String)]) {
    let present: usize = form
        .value("related_links-INITIAL_FORMS")
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    for index in 0..present {
        form.set(&format!("related_links-{index}-DELETE"), "on");
    }
    for (offset, (title, url)) in links.iter().enumerate() {
        let prefix = format!("related_links-{}", present + offset);
        form.set(&format!("{prefix}-title"), title);
        form.set(&format!("{prefix}-url"), url);
        form.set(&format!("{prefix}-id"), "");
        form.set(&format!("{prefix}-ORDER"), (offset + 1).to_string());
        form.set(&format!("{prefix}-DELETE"), "");
    }
    form.set(
        "related_links-TOTAL_FORMS",
        (present + links.len()).to_string(),
    );
}
