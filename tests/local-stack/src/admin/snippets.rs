//! Creates, edits and deletes snippets. `model` is the part of the address that names the model, such as `blog/author`.

use super::error::AdminError;
use super::fields::Fields;
use super::ids::SnippetId;
use super::session::Admin;

impl Admin {
    /// Creates a snippet.
    pub async fn create_snippet(
        &self,
        model: &str,
        fields: &Fields,
    ) -> Result<SnippetId, AdminError> {
        let path = format!("/admin/snippets/{model}/add/");
        let form = fields.fill(self.form(&path).await?);
        let location = self.post(&path, &form).await?.redirected()?;
        let edit = format!("/admin/snippets/{model}/edit/");
        let missing = "message with a link to the new snippet";
        let id = self.announced(&location, &edit, "/", missing).await?;
        Ok(SnippetId(id))
    }

    /// Changes fields of a snippet.
    pub async fn edit_snippet(
        &self,
        model: &str,
        snippet: SnippetId,
        fields: &Fields,
    ) -> Result<(), AdminError> {
        self.submit(&format!("/admin/snippets/{model}/edit/{snippet}/"), fields)
            .await
    }

    /// Deletes a snippet.
    pub async fn delete_snippet(&self, model: &str, snippet: SnippetId) -> Result<(), AdminError> {
        self.confirm(&format!("/admin/snippets/{model}/delete/{snippet}/"))
            .await
    }
}
