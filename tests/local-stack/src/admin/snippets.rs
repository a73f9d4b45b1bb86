//! Snippets of any registered model; `model` is its address, such as `blog/author`.

use super::fields::Fields;
use super::html;
use super::ids::SnippetId;
use super::pages::last_id_between;
use super::{Admin, AdminError};

impl Admin {
    /// Creates a snippet.
    pub async fn create_snippet(
        &self,
        model: &str,
        fields: &Fields,
    ) -> Result<SnippetId, AdminError> {
        let path = format!("/admin/snippets/{model}/add/");
        let form = self.form(&path).await?.filled(fields);
        let location = self.post(&path, &form).await?.redirected()?;
        let answer = self.get(&location).await?;
        let edit = format!("/admin/snippets/{model}/edit/");
        last_id_between(html::messages(&answer.body), &edit, "/")
            .map(SnippetId)
            .ok_or_else(|| answer.without("message with a link to the new snippet"))
    }

    /// Changes `fields` of a snippet.
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
