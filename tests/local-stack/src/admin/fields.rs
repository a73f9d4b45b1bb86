//! What the editor types: form fields, StreamField blocks and inline forms, encoded as the admin's scripts do.

use serde_json::{Value, json};

use super::html::{Form, encode_stream};
use super::ids::{ImageId, SnippetId};

/// The fields that an editor changes; all others stay as the form has them.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    plain: Vec<(String, String)>,
    body: Option<Vec<Block>>,
    related_links: Option<Vec<(String, String)>>,
}

/// One block of a post's body.
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
    /// Nothing changed.
    pub fn none() -> Self {
        Self::default()
    }

    /// The title; a new page's slug follows from it unless it is named.
    pub fn titled(title: &str) -> Self {
        Self::none().with("title", title)
    }

    /// Any plain field by its form name: `intro`, `date`, `seo_title`, `go_live_at`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.plain.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The slug.
    #[must_use]
    pub fn slug(self, slug: &str) -> Self {
        self.with("slug", slug)
    }

    /// The post's author.
    #[must_use]
    pub fn author(self, author: SnippetId) -> Self {
        self.with("author", &author.to_string())
    }

    /// The whole body.
    #[must_use]
    pub fn body(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.body = Some(blocks.into_iter().collect());
        self
    }

    /// All related links, each a title and an address, instead of those that are there.
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
    /// As the editor's own data has it.
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

/// Draft.js content with one unformatted paragraph.
fn content_state(text: &str) -> Value {
    json!({
        "blocks": [{
            "key": "first", "text": text, "type": "unstyled", "depth": 0,
            "inlineStyleRanges": [], "entityRanges": [],
        }],
        "entityMap": {},
    })
}

/// Deletes the inline forms that are there, and adds these behind them.
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
