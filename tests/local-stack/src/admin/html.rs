//! Reads the pages that Wagtail's admin renders: their forms, the links in their messages, and their text.

use scraper::{ElementRef, Html, Selector};
use serde_json::Value;

/// The attribute with the arguments from which the editor's script builds the blocks of a StreamField.
const STREAM_ARGUMENTS: &str = "data-w-block-arguments-value";
/// The length of an excerpt, in characters.
const MAX_EXCERPT_LENGTH: usize = 500;

/// The fields of a form, each a name and a value, in the order in which a browser sends them.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Returns the form in `page` that posts to `path`, or `None` if there is no such form.
    ///
    /// Scripts of the admin build some of its fields. These are read from the data that the scripts use: a StreamField
    /// from the arguments of its block, a dialog from its template.
    pub(super) fn parse(page: &str, path: &str) -> Option<Self> {
        let page = Html::parse_document(page);
        let forms = selector("form");
        let form = page
            .select(&forms)
            .find(|form| form.attr("action") == Some(path))?;
        let elements = selector(&format!("input, textarea, select, [{STREAM_ARGUMENTS}]"));
        Some(Self(form.select(&elements).flat_map(fields).collect()))
    }

    /// Returns the fields.
    pub(super) fn into_fields(self) -> Vec<(String, String)> {
        self.0
    }

    /// Returns the first value of the field called `name`.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        Some(value)
    }

    /// Replaces the field called `name`.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(field, _)| field != name);
        self.0.push((name.to_owned(), value.into()));
    }

    /// Removes each field whose name begins with `prefix`.
    pub(super) fn remove_prefix(&mut self, prefix: &str) {
        self.0.retain(|(field, _)| !field.starts_with(prefix));
    }
}

/// Returns the fields that an element adds to its form.
fn fields(element: ElementRef<'_>) -> Vec<(String, String)> {
    if let Some(arguments) = element.attr(STREAM_ARGUMENTS) {
        return stream_fields(element, arguments).unwrap_or_default();
    }
    match element.attr("name") {
        // A field with `__prefix__` in its name is the pattern for further inline forms.
        Some(name) if !name.contains("__prefix__") => values(element)
            .into_iter()
            .map(|value| (name.to_owned(), value))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the values that a browser sends for an unchanged form control.
fn values(control: ElementRef<'_>) -> Vec<String> {
    match control.value().name() {
        "textarea" => vec![control.text().collect()],
        "select" => control
            .select(&selector("option[selected]"))
            .map(|option| option.attr("value").unwrap_or_default().to_owned())
            .collect(),
        _ => {
            let value = control.attr("value");
            let value = match control.attr("type").unwrap_or_default() {
                "submit" | "button" | "file" | "image" | "reset" => None,
                "checkbox" | "radio" => control.attr("checked").map(|_| value.unwrap_or("on")),
                _ => Some(value.unwrap_or_default()),
            };
            value.map(str::to_owned).into_iter().collect()
        }
    }
}

/// Returns the fields of a StreamField whose blocks stay as they are.
fn stream_fields(element: ElementRef<'_>, arguments: &str) -> Option<Vec<(String, String)>> {
    let arguments: Value = serde_json::from_str(arguments).ok()?;
    Some(encode_stream(element.attr("id")?, arguments[0].as_array()?))
}

/// Returns the form fields of a StreamField with these blocks, each `{"type", "value", "id"}`.
pub(super) fn encode_stream(name: &str, blocks: &[Value]) -> Vec<(String, String)> {
    let mut fields = vec![(format!("{name}-count"), blocks.len().to_string())];
    for (index, block) in blocks.iter().enumerate() {
        let text = |key: &str| block[key].as_str().unwrap_or_default().to_owned();
        let value = match &block["value"] {
            Value::String(value) => value.clone(),
            Value::Null => String::new(),
            // A chooser's data describes the chosen object. The form carries its key alone.
            Value::Object(chosen) => chosen.get("id").map(Value::to_string).unwrap_or_default(),
            other => other.to_string(),
        };
        fields.extend([
            (format!("{name}-{index}-type"), text("type")),
            (format!("{name}-{index}-id"), text("id")),
            (format!("{name}-{index}-order"), index.to_string()),
            (format!("{name}-{index}-deleted"), String::new()),
            (format!("{name}-{index}-value"), value),
        ]);
    }
    fields
}

/// Returns the field of a check box. A browser sends nothing for one that is not ticked.
pub(super) fn check_box(name: &str, ticked: bool) -> Option<(&str, &str)> {
    ticked.then_some((name, "on"))
}

/// Returns the addresses of the links in the messages at the top of an admin page, from the first to the last.
pub(super) fn message_links(page: &str) -> Vec<String> {
    let page = Html::parse_document(page);
    let links = selector(".messages a[href]");
    let addresses = page.select(&links).filter_map(|link| link.attr("href"));
    addresses.map(str::to_owned).collect()
}

/// Returns the error messages of a page, or the beginning of its text if it has none.
pub(super) fn excerpt(page: &str) -> String {
    let page = Html::parse_document(page);
    let mut errors = Vec::new();
    for element in page.select(&selector("p.error-message, ul.errorlist, li.error")) {
        let error = text(element);
        if !error.is_empty() && !errors.contains(&error) {
            errors.push(error);
        }
    }
    let excerpt = match errors.is_empty() {
        true => text(page.root_element()),
        false => errors.join(" / "),
    };
    excerpt.chars().take(MAX_EXCERPT_LENGTH).collect()
}

/// Returns the text that a reader sees inside an element, its words separated by single blanks.
fn text(element: ElementRef<'_>) -> String {
    let hidden = selector("noscript, script, style, svg, template");
    let visible = element.descendants().filter(|node| {
        let mut ancestors = node.ancestors().filter_map(ElementRef::wrap);
        !ancestors.any(|ancestor| hidden.matches(&ancestor))
    });
    let pieces = visible.filter_map(|node| node.value().as_text());
    let words: Vec<&str> = pieces.flat_map(|piece| piece.split_whitespace()).collect();
    words.join(" ")
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("the selectors of this file are valid")
}

#[cfg(test)]
mod tests;
