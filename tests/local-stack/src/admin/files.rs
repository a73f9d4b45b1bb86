//! Uploads, edits and deletes images and documents.

use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::error::AdminError;
use super::fields::Fields;
use super::ids::{DocumentId, ImageId};
use super::session::Admin;

impl Admin {
    /// Uploads an image. `name` is the name of the file, and becomes the title.
    pub async fn upload_image(&self, name: &str, bytes: Vec<u8>) -> Result<ImageId, AdminError> {
        let id = self
            .upload_file("/admin/images/multiple/add/", "image_id", name, bytes)
            .await?;
        Ok(ImageId(id))
    }

    /// Changes the title, the description or the tags of an image.
    pub async fn edit_image(&self, image: ImageId, fields: &Fields) -> Result<(), AdminError> {
        self.submit(&format!("/admin/images/{image}/"), fields)
            .await
    }

    /// Deletes an image.
    pub async fn delete_image(&self, image: ImageId) -> Result<(), AdminError> {
        self.confirm(&format!("/admin/images/{image}/delete/"))
            .await
    }

    /// Uploads a document. `name` is the name of the file, and becomes the title.
    pub async fn upload_document(
        &self,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<DocumentId, AdminError> {
        let id = self
            .upload_file("/admin/documents/multiple/add/", "doc_id", name, bytes)
            .await?;
        Ok(DocumentId(id))
    }

    /// Changes the title or the tags of a document.
    pub async fn edit_document(
        &self,
        document: DocumentId,
        fields: &Fields,
    ) -> Result<(), AdminError> {
        self.submit(&format!("/admin/documents/edit/{document}/"), fields)
            .await
    }

    /// Deletes a document.
    pub async fn delete_document(&self, document: DocumentId) -> Result<(), AdminError> {
        self.confirm(&format!("/admin/documents/delete/{document}/"))
            .await
    }

    async fn upload_file(
        &self,
        path: &str,
        key: &str,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<i64, AdminError> {
        let form = Form::new()
            .text("title", name.to_owned())
            .part("files[]", Part::bytes(bytes).file_name(name.to_owned()));
        let answer = self.upload(path, form).await?;
        let body: Value = serde_json::from_str(&answer.body).map_err(|_| answer.refused())?;
        body[key].as_i64().ok_or_else(|| answer.refused())
    }
}
