//! Reads the forms that Wagtail's admin renders; no more of HTML than that takes.

use serde_json::Value;

use super::fields::{Fields, encode_stream};

/// A form's fields as a browser would send them.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The fields of the form in `page` that posts to `path`; none when there is no such form.
    ///
    /// What the admin's scripts would build is read from the data they would build it from: a StreamField from its
    /// block's arguments, a dialog from its template.
    pub(super) fn parse(page: &str, path: &str) -> Option<Self> {
        let form = page.match_indices("<form").find_map(|(start, _)| {
            let tag = Tag::parse(&page[start..]);
            let posts_here = tag.attribute("action").as_deref() == Some(path);
            posts_here.then(|| {
                let inside = &page[start + tag.length..];
                inside
                    .split_once("</form>")
                    .map_or(inside, |(form, _)| form)
            })
        })?;
        let mut fields = Self::default();
        let mut rest = form;
        while let Some(start) = rest.find('<') {
            rest = &rest[start..];
            let tag = Tag::parse(rest);
            rest = &rest[tag.length..];
            match tag.name {
                // Its strings may hold tags.
                "script" => rest = rest.split_once("</script>").map_or("", |(_, after)| after),
                "input" => fields.read_input(&tag),
                "textarea" => fields.read_textarea(&tag, rest),
                "select" => fields.read_select(&tag, rest),
                _ => fields.read_stream(&tag),
            }
        }
        Some(fields)
    }

    fn read_input(&mut self, tag: &Tag<'_>) {
        let kind = tag.attribute("type").unwrap_or_default();
        let value = match kind.as_str() {
            "submit" | "button" | "file" | "image" | "reset" => return,
            "checkbox" | "radio" if tag.attribute("checked").is_none() => return,
            "checkbox" | "radio" => tag.attribute("value").unwrap_or_else(|| "on".into()),
            _ => tag.attribute("value").unwrap_or_default(),
        };
        self.push_named(tag, value);
    }

    fn read_textarea(&mut self, tag: &Tag<'_>, rest: &str) {
        let text = rest.split_once("</textarea>").map_or("", |(text, _)| text);
        // HTML drops one line break after the tag, and Django always writes it.
        self.push_named(
            tag,
            unescape(
                text.trim_start_matches('\r')
                    .strip_prefix('\n')
                    .unwrap_or(text),
            ),
        );
    }

    fn read_select(&mut self, tag: &Tag<'_>, rest: &str) {
        let options = rest
            .split_once("</select>")
            .map_or("", |(options, _)| options);
        for (start, _) in options.match_indices("<option") {
            let option = Tag::parse(&options[start..]);
            if option.attribute("selected").is_some() {
                self.push_named(tag, option.attribute("value").unwrap_or_default());
            }
        }
    }

    fn read_stream(&mut self, tag: &Tag<'_>) {
        let Some(arguments) = tag.attribute("data-w-block-arguments-value") else {
            return;
        };
        let (Some(name), Ok(arguments)) = (
            tag.attribute("id"),
            serde_json::from_str::<Value>(&arguments),
        ) else {
            return;
        };
        if let Some(blocks) = arguments.get(0).and_then(Value::as_array) {
            self.0.extend(encode_stream(&name, blocks));
        }
    }

    fn push_named(&mut self, tag: &Tag<'_>, value: String) {
        // Fields named __prefix__ are the pattern for further inline forms.
        if let Some(name) = tag
            .attribute("name")
            .filter(|name| !name.contains("__prefix__"))
        {
            self.0.push((name, value));
        }
    }

    /// The first value of the named field.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(field, _)| field == name)?;
        Some(value)
    }

    /// Replaces the named field.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|(field, _)| field != name);
        self.0.push((name.to_owned(), value.into()));
    }

    /// Removes every field whose name begins so.
    pub(super) fn remove_prefix(&mut self, prefix: &str) {
        self.0.retain(|(field, _)| !field.starts_with(prefix));
    }

    /// The form as the editor leaves it.
    pub(super) fn filled(mut self, fields: &Fields) -> Vec<(String, String)> {
        fields.fill(&mut self);
        self.0
    }
}

/// One opening (or closing, or comment) tag.
struct Tag<'a> {
    name: &'a str,
    attributes: &'a str,
    /// From `<` to the character after `>`.
    length: usize,
}

impl<'a> Tag<'a> {
    /// Reads the tag that `text` begins with; a `>` inside quotes does not end it.
    fn parse(text: &'a str) -> Self {
        let mut quote = None;
        let end = text
            .char_indices()
            .find(|&(_, character)| {
                match (quote, character) {
                    (None, '>') => return true,
                    (None, '"' | '\'') => quote = Some(character),
                    (Some(open), _) if open == character => quote = None,
                    _ => {}
                }
                false
            })
            .map_or(text.len(), |(index, _)| index + 1);
        let inside = text[1..end].trim_end_matches('>');
        let (name, attributes) = inside
            .split_once(|character: char| character.is_ascii_whitespace())
            .unwrap_or((inside, ""));
        Self {
            name,
            attributes,
            length: end,
        }
    }

    /// The attribute's value, empty for one without; none when the tag doesn't have it.
    fn attribute(&self, wanted: &str) -> Option<String> {
        let mut rest = self.attributes.trim_start();
        while !rest.is_empty() {
            let end = rest
                .find(|character: char| character == '=' || character.is_ascii_whitespace())
                .unwrap_or(rest.len());
            let name = &rest[..end];
            let (value, after) = match rest[end..].strip_prefix('=') {
                None => ("", &rest[end..]),
                Some(value) => match value.chars().next() {
                    Some(quote @ ('"' | '\'')) => {
                        value[1..].split_once(quote).unwrap_or((&value[1..], ""))
                    }
                    _ => value
                        .split_once(|character: char| character.is_ascii_whitespace())
                        .unwrap_or((value, "")),
                },
            };
            if name == wanted {
                return Some(unescape(value));
            }
            rest = after.trim_start();
        }
        None
    }
}

/// Resolves the character references that Django writes.
pub(super) fn unescape(text: &str) -> String {
    // The ampersand comes last: what it resolves to is text.
    text.replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

/// The messages at the top of an admin page, with their links; empty when there are none.
pub(super) fn messages(page: &str) -> &str {
    page.split_once("<div class=\"messages\"")
        .and_then(|(_, after)| after.split_once("</ul>"))
        .map_or("", |(messages, _)| messages)
}

/// What a person would read first: the error messages, or else the beginning of the page's text.
pub(super) fn excerpt(page: &str) -> String {
    let markers = [
        "<p class=\"error-message\"",
        "<ul class=\"errorlist",
        "<li class=\"error\"",
    ];
    let mut errors = Vec::new();
    for (start, _) in markers.iter().flat_map(|marker| page.match_indices(marker)) {
        let (name, rest) = page[start + 1..].split_at(2);
        let end = rest.find(&format!("</{}>", name.trim_end()));
        let error = text(&page[start..start + 3 + end.unwrap_or(0)]);
        if !error.is_empty() && !errors.contains(&error) {
            errors.push(error);
        }
    }
    let whole = if errors.is_empty() {
        text(page)
    } else {
        errors.join(" / ")
    };
    whole.chars().take(500).collect()
}

/// The text between the tags, without scripts and styles, with single blanks.
fn text(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        text.push(' ');
        let tag = Tag::parse(&rest[start..]);
        rest = &rest[start + tag.length..];
        let skipped = match tag.name {
            "script" => "</script>",
            "style" => "</style>",
            "template" => "</template>",
            "svg" => "</svg>",
            _ => continue,
        };
        rest = rest.split_once(skipped).map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    unescape(&text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
#[path = "html_tests.rs"]
mod tests;
