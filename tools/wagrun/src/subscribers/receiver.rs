//! The code of a receiver to paste, from the documentation for its author.

use clap::ValueEnum;

/// The document, which is tested: each example in it verifies the signatures of deliver.
const DOCUMENT: &str = include_str!("../../../../docs/webhooks.md");
/// The place of the secret in the examples.
const PLACEHOLDER: &str = "whsec_…";

/// The language of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Python with Flask
    Python,
    /// JavaScript with Express
    Javascript,
    /// Go
    Go,
    /// PHP
    Php,
    /// Ruby on Rails
    Ruby,
}

impl Language {
    /// Returns the name in the document.
    fn heading(self) -> &'static str {
        match self {
            Self::Python => "**Python**",
            Self::Javascript => "**JavaScript**",
            Self::Go => "**Go**",
            Self::Php => "**PHP**",
            Self::Ruby => "**Ruby**",
        }
    }

    /// Returns the code of a receiver with this secret.
    pub fn code(self, secret: &str) -> String {
        let section = DOCUMENT.split_once(self.heading());
        let code = section.and_then(|(_, rest)| rest.split_once("```")?.1.split_once('\n'));
        let code = code.and_then(|(_, rest)| rest.split_once("```"));
        code.map_or_else(String::new, |(code, _)| code.replace(PLACEHOLDER, secret))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_its_code_with_the_secret() {
        for language in Language::value_variants() {
            let code = language.code("whsec_SECRET");
            assert!(code.contains("whsec_SECRET"), "{language:?}: {code}");
            assert!(!code.contains('…') && !code.contains("```"), "{language:?}");
        }
        assert!(Language::Python.code("").starts_with("from flask"));
        assert!(Language::Php.code("").starts_with("<?php"));
    }
}
