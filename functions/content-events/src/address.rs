//! The URLs of a page, as Wagtail's `Page.get_full_url` computes them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wagrun_database::outbox::{SiteRoot, UrlPatterns, VisibilityRules};

/// The characters that `django.urls.reverse` encodes: all but the unreserved and the sub-delimiters of RFC 3986, and `/~:@`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b'/')
    .remove(b':')
    .remove(b'@');

/// The URLs of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Wagtail's full URL. It is `None` for a page below no site's root page, and for one that Wagtail does not serve.
    pub full: Option<String>,
    /// Every URL at which the site serves the page, each once, the full URL first.
    pub all: Vec<String>,
}

/// Returns the URLs of the page with this path in the tree.
pub fn addresses(rules: &VisibilityRules, url_path: &str) -> Addresses {
    let mut addresses = Addresses::default();
    let roots = rules.roots.iter();
    let roots = roots.filter(|root| url_path.starts_with(&root.root_path));
    for (index, root) in roots.enumerate() {
        let below_root = &url_path[root.root_path.len()..];
        let encoded = utf8_percent_encode(below_root, ENCODED).to_string();
        if !is_served(&rules.patterns, below_root) {
            continue;
        }
        let url = |prefix: &str| {
            let path = with_slash(&rules.patterns, format!("{prefix}{encoded}"));
            format!("{}{path}", root_url(root))
        };
        let main = prefix(&rules.patterns, &root.language);
        if index == 0 {
            // Wagtail takes the first root alone, and has no URL when that one has none.
            addresses.full = main.map(url);
        }
        let mut prefixes = prefixes(rules, root);
        // The full URL comes first.
        prefixes.sort_by_key(|prefix| Some(*prefix) != main);
        for url in prefixes.into_iter().map(url) {
            if !addresses.all.contains(&url) {
                addresses.all.push(url);
            }
        }
    }
    addresses
}

/// Returns the prefix of pages below a root of this language. Returns `None` when the site serves no pages.
fn prefix<'a>(patterns: &'a UrlPatterns, language: &str) -> Option<&'a str> {
    let default = patterns.default_prefixes.first().map(String::as_str);
    if !patterns.is_i18n {
        return default;
    }
    match patterns.prefixes.get(language) {
        Some(prefix) => prefix.as_deref(),
        // A language that was added after the last migrate.
        None => default,
    }
}

/// Returns the prefixes of the addresses at which the site shows pages below this root.
fn prefixes<'a>(rules: &'a VisibilityRules, root: &SiteRoot) -> Vec<&'a str> {
    let patterns = &rules.patterns;
    if !patterns.is_i18n {
        return patterns
            .default_prefixes
            .iter()
            .map(String::as_str)
            .collect();
    }
    let routes = patterns.routes.iter();
    routes
        .filter(|(_, language)| shown_root(rules, root.site, language) == Some(root))
        .map(|(prefix, _)| prefix.as_str())
        .collect()
}

/// Returns the root page that a site shows in a language: as in Wagtail's `Page.localized`, the translation when it is live, otherwise
/// the site's own one.
fn shown_root<'a>(rules: &'a VisibilityRules, site: i64, language: &str) -> Option<&'a SiteRoot> {
    let has_locale = rules.locales.iter().any(|locale| locale == language);
    let language = if has_locale {
        language
    } else {
        &rules.patterns.default_language
    };
    let mut roots = rules.roots.iter().filter(|root| root.site == site);
    let translation = roots
        .clone()
        .find(|root| root.is_used && root.language == language);
    translation.or_else(|| roots.find(|root| root.is_home))
}

/// Returns true when the path below a root matches the pattern of `wagtail.urls`.
fn is_served(patterns: &UrlPatterns, path: &str) -> bool {
    let is_slug_character = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    patterns.serves_any_path
        || path.chars().all(|c| is_slug_character(c) || c == '/')
            && (!patterns.appends_slash
                || path.is_empty()
                || path.ends_with('/') && !path.starts_with('/') && !path.contains("//"))
}

fn with_slash(patterns: &UrlPatterns, path: String) -> String {
    if patterns.appends_slash || path == "/" {
        path
    } else {
        path.trim_end_matches('/').to_owned()
    }
}

fn root_url(root: &SiteRoot) -> String {
    let host = &root.hostname;
    match root.port {
        80 => format!("http://{host}"),
        443 => format!("https://{host}"),
        port => format!("http://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{rules, site_root};

    fn urls(rules: &VisibilityRules, url_path: &str) -> Vec<String> {
        let addresses = addresses(rules, url_path);
        assert_eq!(addresses.full.as_ref(), addresses.all.first());
        addresses.all
    }

    #[test]
    fn the_path_below_the_sites_root_follows_its_host() {
        let mut rules = rules();
        // In the order in which the database returns them.
        rules.roots = vec![
            site_root("localhost", 8000, "/other/"),
            site_root("blog.example.org", 80, "/home/blog/"),
            site_root("www.example.org", 443, "/home/"),
        ];
        let table = [
            ("/home/", vec!["https://www.example.org/"]),
            ("/home/news/", vec!["https://www.example.org/news/"]),
            (
                "/home/blog/first/",
                vec![
                    "http://blog.example.org/first/",
                    "https://www.example.org/blog/first/",
                ],
            ),
            ("/other/x/", vec!["http://localhost:8000/x/"]),
            ("/homeless/", vec![]),
            ("/", vec![]),
        ];
        for (url_path, expected) in table {
            assert_eq!(urls(&rules, url_path), expected, "{url_path}");
        }
    }

    #[test]
    fn letters_of_any_language_are_encoded_and_a_dot_is_not_served() {
        let rules = rules();
        assert_eq!(
            urls(&rules, "/home/straße/"),
            ["https://www.example.org/stra%C3%9Fe/"]
        );
        assert!(urls(&rules, "/home/a.html/").is_empty());
        let mut any = rules.clone();
        any.patterns.serves_any_path = true;
        assert_eq!(
            urls(&any, "/home/a.html b/"),
            ["https://www.example.org/a.html%20b/"]
        );
    }

    #[test]
    fn a_translated_root_has_the_prefix_of_its_language() {
        let mut rules = rules();
        rules.patterns.is_i18n = true;
        let text = str::to_owned;
        rules.patterns.prefixes = [("en", "/"), ("fr", "/fr/"), ("de", "/de/")]
            .map(|(language, prefix)| (text(language), Some(text(prefix))))
            .into();
        rules.patterns.routes = [("/", "en"), ("/fr/", "fr"), ("/de/", "de")]
            .map(|(prefix, language)| (text(prefix), text(language)))
            .into();
        rules.patterns.default_language = text("en");
        rules.locales = vec![text("en"), text("fr")];
        rules.roots.push(SiteRoot {
            language: text("fr"),
            is_home: false,
            ..site_root("www.example.org", 443, "/home-fr/")
        });
        // There is no locale for German, so the site shows the default language.
        assert_eq!(
            urls(&rules, "/home/a/"),
            [
                "https://www.example.org/a/",
                "https://www.example.org/de/a/"
            ]
        );
        assert_eq!(
            urls(&rules, "/home-fr/a/"),
            ["https://www.example.org/fr/a/"]
        );

        // A locale without a live root page of its own shows the site's root page.
        rules.roots[1].is_used = false;
        assert_eq!(urls(&rules, "/home/a/").len(), 3);
        let unused = addresses(&rules, "/home-fr/a/");
        assert_eq!(
            unused.full.as_deref(),
            Some("https://www.example.org/fr/a/")
        );
        assert!(unused.all.is_empty());
    }

    #[test]
    fn without_a_slash_at_the_end_only_the_root_keeps_it() {
        let mut rules = rules();
        rules.patterns.appends_slash = false;
        assert_eq!(urls(&rules, "/home/"), ["https://www.example.org/"]);
        assert_eq!(urls(&rules, "/home/a/b/"), ["https://www.example.org/a/b"]);
        rules.patterns.default_prefixes = vec!["/en/".to_owned(), "/fr/".to_owned()];
        assert_eq!(
            urls(&rules, "/home/"),
            ["https://www.example.org/en", "https://www.example.org/fr"]
        );
    }
}
