//! The rules that decide the visibility of pages and documents besides their own rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::script::{Results, Script};

/// A root page of a site, in Wagtail's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct SiteRoot {
    /// The primary key of the site.
    pub site: i64,
    /// The host name of the site.
    pub hostname: String,
    /// The TCP port. As in Wagtail, 80 means http and 443 means https.
    pub port: i32,
    /// The `url_path` of the root page, such as `/home/`.
    pub root_path: String,
    /// The language code of the root page.
    pub language: String,
    /// True for the site's root page, false for a translation of it.
    pub is_home: bool,
    /// True when the site uses the root page. A translation is used only when it is live.
    pub is_used: bool,
}

/// A restriction of who can see the pages below a page, or the documents below a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct ViewRestriction {
    /// `page` or `document`.
    pub kind: String,
    /// The tree path of the page or the collection. The restriction holds for every path that begins with it.
    pub path: String,
    /// The type: `password`, `login` or `groups`.
    pub restriction: String,
    /// The names of the groups.
    pub groups: Vec<String>,
}

/// A collection of documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Collection {
    /// The primary key.
    pub id: i64,
    /// The tree path.
    pub path: String,
}

/// The addresses of the site's URL configuration, as migrate asked Django for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UrlPatterns {
    /// True when Wagtail's internationalisation is enabled.
    pub is_i18n: bool,
    /// False when URLs have no slash at the end (`WAGTAIL_APPEND_SLASH`).
    pub appends_slash: bool,
    /// True when the site serves paths with other characters than letters, digits, `_` and `-`.
    pub serves_any_path: bool,
    /// The text before a page's path, by the language of its root page. Null when the site serves no pages.
    pub prefixes: BTreeMap<String, Option<String>>,
    /// With internationalisation, the prefix of each language that an address can have, and the content language that is shown.
    pub routes: Vec<(String, String)>,
    /// The content language that is shown for a language without a locale.
    pub default_language: String,
    /// The text before a page's path without internationalisation, the main one first.
    pub default_prefixes: Vec<String>,
    /// The content types that compute their URLs themselves, as `app.model`.
    pub own_urls: Vec<String>,
}

/// Everything that decides the visibility of pages and documents besides their own rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VisibilityRules {
    /// The root pages of the sites.
    pub roots: Vec<SiteRoot>,
    /// The view restrictions.
    pub restrictions: Vec<ViewRestriction>,
    /// The collections.
    pub collections: Vec<Collection>,
    /// The languages that have a locale.
    pub locales: Vec<String>,
    /// The URL patterns.
    pub patterns: UrlPatterns,
    /// The keys of the content types that compute their URLs themselves.
    pub own_url_types: Vec<i32>,
}

/// The statements that read the rules.
const STATEMENTS: [&str; 6] = [
    "select wagrun.url_patterns()",
    "select * from wagrun.site_roots(coalesce((wagrun.url_patterns() ->> 'is_i18n')::boolean, false))",
    "select * from wagrun.view_restrictions()",
    "select * from wagrun.collections()",
    "select language_code from wagtailcore_locale order by language_code",
    "select id from django_content_type
     where app_label || '.' || model in (select jsonb_array_elements_text(wagrun.url_patterns() -> 'own_urls')) order by id",
];

impl VisibilityRules {
    /// Adds the statements that read the rules as they are now.
    pub(super) fn add(script: &mut Script) {
        for statement in STATEMENTS {
            script.add(statement, &[]);
        }
    }

    /// Reads the results of these statements.
    pub(super) fn read(results: &mut Results) -> Result<Self, sqlx::Error> {
        let patterns: Option<Json<UrlPatterns>> = results.next().scalar()?;
        Ok(Self {
            patterns: patterns.map(|Json(patterns)| patterns).unwrap_or_default(),
            roots: results.next().rows()?,
            restrictions: results.next().rows()?,
            collections: results.next().rows()?,
            locales: results.next().scalars()?,
            own_url_types: results.next().scalars()?,
        })
    }
}
