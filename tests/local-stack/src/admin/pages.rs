//! One page at a time: create, edit, schedule, unpublish, move, copy, delete.

use jiff::Timestamp;
use serde_json::Value;

use super::error::AdminError;
use super::fields::Fields;
use super::html::check_box;
use super::ids::{PageId, RevisionId, key_in};
use super::session::{Admin, Answer};

/// The button under the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Save draft.
    Save,
    /// Publish.
    Publish,
}

/// What the copy form asks.
#[derive(Debug, Clone, Copy)]
pub struct Copy<'a> {
    /// The copy's title.
    pub title: &'a str,
    /// The copy's slug.
    pub slug: &'a str,
    /// The page that the copy goes under.
    pub parent: PageId,
    /// With all pages under it.
    pub recursive: bool,
    /// What is live becomes live as a copy too; a draft otherwise.
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
        // A draft stays open; a published page is only named by the message on its parent's page.
        match key_in(&location, "/admin/pages/", "/edit/") {
            Some(id) => Ok(PageId(id)),
            None => self.announced_page(&location).await,
        }
    }

    /// Changes `fields` of a page's newest revision.
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

    /// Saves as the editor's script does while its user types. The first save of a sitting makes a revision, which is
    /// returned; handed in as `overwrite`, it is what the later ones write to.
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

    /// Publishes with a time in the future, to the second: the page goes live when `publish_scheduled` next runs after it,
    /// and is locked against unpublishing until then.
    pub async fn schedule(&self, page: PageId, go_live_at: Timestamp) -> Result<(), AdminError> {
        let time = go_live_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let fields = Fields::none().with("go_live_at", &time);
        self.edit(page, &fields, Action::Publish).await
    }

    /// Withdraws the schedule of a page's revision, as the page's history offers it.
    pub async fn unschedule(&self, page: PageId, revision: i64) -> Result<(), AdminError> {
        let path = format!("/admin/pages/{page}/revisions/{revision}/unschedule/");
        self.confirm(&path).await
    }

    /// Takes a page from the site, and with `include_descendants` every page under it.
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

    /// Moves a page with everything under it, to be the last child of `parent`.
    pub async fn move_page(&self, page: PageId, parent: PageId) -> Result<(), AdminError> {
        let path = format!("/admin/pages/{page}/move/{parent}/confirm/");
        let answer = self.post::<&str, &str>(&path, &[]).await?;
        // A slug that is taken there sends the editor back to the choice instead.
        answer.redirected_to(&format!("/admin/pages/{parent}/"))
    }

    /// Copies a page, and returns the copy of it (not of the pages under it).
    pub async fn copy_page(&self, page: PageId, copy: Copy<'_>) -> Result<PageId, AdminError> {
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

    /// Deletes a page with everything under it.
    pub async fn delete_page(&self, page: PageId) -> Result<(), AdminError> {
        let path = format!("/admin/pages/{page}/delete/");
        self.confirm(&path).await
    }

    async fn announced_page(&self, location: &str) -> Result<PageId, AdminError> {
        let missing = "message with a link to the new page";
        let id = self.announced(location, "/admin/pages/", "/edit/", missing);
        id.await.map(PageId)
    }
}

fn with_button(mut form: Vec<(String, String)>, action: Action) -> Vec<(String, String)> {
    if action == Action::Publish {
        form.push(("action-publish".into(), "action-publish".into()));
    }
    form
}

/// The editor's script writes the slug while the title is typed.
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

fn saved_revision(answer: &Answer) -> Option<RevisionId> {
    let body: Value = serde_json::from_str(&answer.body).ok()?;
    body["success"].as_bool().filter(|success| *success)?;
    body["revision_id"].as_i64().map(RevisionId)
}
