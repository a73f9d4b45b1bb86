//! Wagtail's sites.

use sqlx::postgres::PgConnection;

/// A Wagtail site: the host that serves the pages below a root page.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Site {
    /// The host name.
    pub hostname: String,
    /// The TCP port. As in Wagtail, 80 means http and 443 means https.
    pub port: i32,
    /// The `url_path` of the site's root page, such as `/home/`.
    pub root_path: String,
}

/// Returns every site with the path of its root page.
pub async fn sites(connection: &mut PgConnection) -> Result<Vec<Site>, sqlx::Error> {
    sqlx::query_as(
        "select site.hostname, site.port, page.url_path as root_path
         from wagtailcore_site as site join wagtailcore_page as page on page.id = site.root_page_id",
    )
    .fetch_all(connection)
    .await
}
