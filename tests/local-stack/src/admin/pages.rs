//! Creates, edits, schedules, unpublishes, moves, copies and deletes a page.

use jiff::Timestamp;
use serde_json::Value;

use super::error::AdminError;
use super::fields::Fields;
use super::html::check_box;
use super::ids::{PageId, RevisionId, key_in};
use super::session::{Admin, Answer};

/// The button with which a form is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The button "Save draft".
    Save,
    /// The button "Publish".
    Publish,
}

/// The fields of the form that copies a page.
#[derive(Debug, Clone, Copy)]
pub struct CopyOptions<'a> {
    /// The title of the copy.
    pub title: &'a str,
    /// The slug of the copy.
    pub slug: &'a str,
    /// The parent of the copy.
    pub parent: PageId,
    /// True to copy all pages under the page, too.
    pub recursive: bool,
    /// True to publish the copies of live pages. Otherwise all copies are drafts.
    pub publish: bool,
}

impl Admin {
    /// Creates a page of `model`, such as `blog/blogpage`, as the last child of `parent`.
    pub async fn create_page(
        &self,
        parent: PageId,
        model: &str,
        fields: &Fields,
        action: Action,
    ) -> Result<PageId, AdminError> {
        let path = format!("/admin/pages/add/{model}/{parent}/");
        let mut form = fields.fill(self.form(&path).await?);
        fill_slug(&mut form);
        let answer = self.post(&path, &with_button(form, action)).await?;
        let location = answer.redirected()?;
        // A draft stays open in the editor. Only the message on the parent's page contains the key of a published page.
        match key_in(&location, "/admin/pages/", "/edit/") {
            Some(id) => Ok(PageId(id)),
            None => self.announced_page(&location).await,
        }
    }

    /// Changes fields of the newest revision of a page.
    pub async fn edit(
        &self,
        page: PageId,
        fields: &Fields,
        action: Action,
    ) -> Result<(), AdminError> {
        let path = format!("/admin/pages/{page}/edit/");
        let form = fields.fill(self.form(&path).await?);
        let answer = self.post(&path, &with_button(form, action)).await?;
        answer.redirected().map(drop)
    }

    /// Saves like the script of the editor does while the user types, and returns the revision.
    ///
    /// The first save creates a revision. Later saves overwrite it, if it is passed as `overwrite`.
    pub async fn autosave(
        &self,
        page: PageId,
        fields: &Fields,
        overwrite: Option<RevisionId>,
    ) -> Result<RevisionId, AdminError> {
        let path = format!("/admin/pages/{page}/edit/");
        let mut form = fields.fill(self.form(&path).await?);
        if let Some(revision) = overwrite {
            form.push(("overwrite_revision_id".into(), revision.to_string()));
        }
        let answer = self.post_for_json(&path, &form).await?;
        saved_revision(&answer).ok_or_else(|| answer.refused())
    }

    /// Schedules the publication of a page for a time in the future, in whole seconds.
    ///
    /// The page goes live when `publish_scheduled` next runs after this time. Until then it cannot be unpublished.
    pub async fn schedule(&self, page: PageId, go_live_at: Timestamp) -> Result<(), AdminError> {
        let time = go_live_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::none().with("go_live_at", &time);
        self.edit(page, &fields, Action::Publish).await
    }

    /// Cancels the scheduled publication of a revision.
    pub async fn unschedule(&self, page: PageId, revision: i64) -> Result<(), AdminError> {
        let path = format!("/admin/pages/{page}/revisions/{revision}/unschedule/");
        self.confirm(&path).await
    }

    /// Unpublishes a page. `include_descendants` adds all pages under it.
    pub async fn unpublish(
        &self,
        page: PageId,
        include_descendants: bool,
    ) -> Result<(), AdminError> {
        let fields = check_box("include_descendants", include_descendants);
        let answer = self
            .post(
                &format!("/admin/pages/{page}/unpublish/"),
                fields.as_slice(),
            )
            .await?;
        answer.redirected().map(drop)
    }

    /// Moves a page with all pages under it. It becomes the last child of `parent`.
    pub async fn move_page(&self, page: PageId, parent: PageId) -> Result<(), AdminError> {
        let path = format!("/admin/pages/{page}/move/{parent}/confirm/");
        let answer = self.post::<&str, &str>(&path, &[]).await?;
        // If the slug exists there, the admin redirects to the choice of a parent instead.
        answer.redirected_to(&format!("/admin/pages/{parent}/"))
    }

    /// Copies a page, and returns the key of its copy.
    pub async fn copy_page(
        &self,
        page: PageId,
        copy: CopyOptions<'_>,
    ) -> Result<PageId, AdminError> {
        let parent = copy.parent.to_string();
        let mut fields = vec![
            ("new_title", copy.title),
            ("new_slug", copy.slug),
            ("new_parent_page", parent.as_str()),
        ];
        fields.extend(check_box("copy_subpages", copy.recursive));
        fields.extend(check_box("publish_copies", copy.publish));
        let answer = self
            .post(&format!("/admin/pages/{page}/copy/"), &fields)
            .await?;
        let location = answer.redirected()?;
        self.announced_page(&location).await
    }

    /// Deletes a page with all pages under it.
    pub async fn delete_page(&self, page: PageId) -> Result<(), AdminError> {
        let path = format!("/admin/pages/{page}/delete/");
        self.confirm(&path).await
    }

    /// Returns the key of the page in the newest message at `location`.
    async fn announced_page(&self, location: &str) -> Result<PageId, AdminError> {
        let missing = "message with a link to the new page";
        let id = self.announced(location, "/admin/pages/", "/edit/", missing);
        id.await.map(PageId)
    }
}

/// Adds the field of the button. "Save draft" has none.
fn with_button(mut form: Vec<(String, String)>, action: Action) -> Vec<(String, String)> {
    if action == Action::Publish {
        form.push(("action-publish".into(), "action-publish".into()));
    }
    form
}

/// Fills an empty slug from the title, as the script of the editor does.
fn fill_slug(form: &mut [(String, String)]) {
    let title = form.iter().find(|(name, _)| name == "title");
    let slug: Vec<String> = title
        .map(|(_, title)| title.to_lowercase())
        .unwrap_or_default()
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if let Some((_, value)) = form
        .iter_mut()
        .find(|(name, value)| name == "slug" && value.is_empty())
    {
        *value = slug.join("-");
    }
}

/// Returns the key of the revision in the answer to an automatic save.
fn saved_revision(answer: &Answer) -> Option<RevisionId> {
    let body: Value = serde_json::from_str(&answer.body).ok()?;
    body["success"].as_bool().filter(|success| *success)?;
    body["revision_id"].as_i64().map(RevisionId)
}
