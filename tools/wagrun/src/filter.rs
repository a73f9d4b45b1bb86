//! The options for the events that a subscriber wants, of every command that takes them.

use clap::Args;
use serde_json::{Map, Value, json};

/// The events that are wanted. Without an option, all.
#[derive(Debug, Args)]
pub struct FilterArguments {
    /// Types of events, such as 'wagtail.page.*'; all if left out
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    /// Content types, such as 'blog.*'; all if left out
    #[arg(long, value_delimiter = ',')]
    pub content_types: Vec<String>,
    /// Path of a URL: only pages at and below it, such as /news/
    #[arg(long)]
    pub under: Option<String>,
}

impl FilterArguments {
    /// Adds the options that were given, as a subscriber and a request for a snapshot have them.
    pub fn add_to(&self, fields: &mut Map<String, Value>) {
        for (field, patterns) in [
            ("types", &self.types),
            ("content_types", &self.content_types),
        ] {
            if !patterns.is_empty() {
                fields.insert(field.to_owned(), json!(patterns));
            }
        }
        if let Some(under) = &self.under {
            fields.insert("under".to_owned(), json!(under));
        }
    }
}
