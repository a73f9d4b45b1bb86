//! Actions on several pages at once, which an editor has ticked in a listing. Each action is one transaction.
//!
//! The admin silently skips pages for which the action is not possible. It does not unpublish a draft, or a page that a
//! scheduled publication has locked.

use super::error::AdminError;
use super::html::check_box;
use super::ids::PageId;
use super::session::Admin;

impl Admin {
    /// Publishes the newest revision of each page. `include_descendants` adds all pages under it.
    pub async fn bulk_publish(
        &self,
        pages: &[PageId],
        include_descendants: bool,
    ) -> Result<(), AdminError> {
        self.bulk("publish", pages, include_descendants).await
    }

    /// Unpublishes each page. `include_descendants` adds all pages under it.
    pub async fn bulk_unpublish(
        &self,
        pages: &[PageId],
        include_descendants: bool,
    ) -> Result<(), AdminError> {
        self.bulk("unpublish", pages, include_descendants).await
    }

    /// Deletes each page with everything under it.
    pub async fn bulk_delete(&self, pages: &[PageId]) -> Result<(), AdminError> {
        self.bulk("delete", pages, false).await
    }

    async fn bulk(
        &self,
        action: &str,
        pages: &[PageId],
        include_descendants: bool,
    ) -> Result<(), AdminError> {
        let ids: Vec<String> = pages.iter().map(|page| format!("id={page}")).collect();
        let path = format!("/admin/bulk/wagtailcore/page/{action}/?{}", ids.join("&"));
        let mut fields = vec![("next", "/admin/pages/1/")];
        fields.extend(check_box("include_descendants", include_descendants));
        let answer = self.post(&path, &fields).await?;
        answer.redirected().map(drop)
    }
}
