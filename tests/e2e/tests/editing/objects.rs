//! Images, documents and snippets in the admin, from their creation to their deletion.

use local_stack::admin::Fields;
use serde_json::json;

use crate::support::event_line::{changed, object};
use crate::support::png::PIXEL;
use crate::support::runtime::run;
use crate::support::scenario::Scenario;

#[test]
fn an_image_is_uploaded_renamed_and_deleted() {
    run(async {
        let mut scenario = Scenario::new("images").await;
        let image = scenario
            .admin
            .upload_image("pixel.png", PIXEL.to_vec())
            .await
            .unwrap();
        let subject = format!("image/{image}");
        scenario.add_object(&subject);
        let events = scenario.expect(&[object("image.created", &subject)]).await;
        let data = &events[0].data;
        assert_eq!(data["id"], image.0);
        assert_eq!(data["title"], "pixel.png");
        assert_eq!(data["content_type"], "wagtailimages.image");
        assert_eq!(data["editor"]["username"], "admin");
        assert_eq!(
            (&data["fields"]["width"], &data["fields"]["height"]),
            (&json!(1), &json!(1))
        );

        scenario
            .admin
            .edit_image(image, &Fields::titled("A pixel"))
            .await
            .unwrap();
        let events = scenario.expect(&[object("image.updated", &subject)]).await;
        assert_eq!(changed(&events[0]), ["title"]);
        assert_eq!(events[0].data["title"], "A pixel");
        assert_eq!(events[0].data["previous"], json!({"title": "pixel.png"}));

        scenario.admin.delete_image(image).await.unwrap();
        let events = scenario.expect(&[object("image.deleted", &subject)]).await;
        assert_eq!(events[0].data["title"], "A pixel");
    });
}

#[test]
fn a_document_is_uploaded_renamed_and_deleted() {
    run(async {
        let mut scenario = Scenario::new("documents").await;
        let document = scenario
            .admin
            .upload_document("notes.txt", b"notes".to_vec())
            .await
            .unwrap();
        let subject = format!("document/{document}");
        scenario.add_object(&subject);
        let events = scenario
            .expect(&[object("document.created", &subject)])
            .await;
        assert_eq!(events[0].data["title"], "notes.txt");
        assert_eq!(events[0].data["content_type"], "wagtaildocs.document");
        assert_eq!(events[0].data["editor"]["username"], "admin");

        scenario
            .admin
            .edit_document(document, &Fields::titled("Notes"))
            .await
            .unwrap();
        let events = scenario
            .expect(&[object("document.updated", &subject)])
            .await;
        assert_eq!(events[0].data["previous"], json!({"title": "notes.txt"}));

        scenario.admin.delete_document(document).await.unwrap();
        let events = scenario
            .expect(&[object("document.deleted", &subject)])
            .await;
        assert_eq!(events[0].data["title"], "Notes");
    });
}

#[test]
fn a_snippet_is_created_edited_and_deleted() {
    run(async {
        let mut scenario = Scenario::new("snippets").await;
        let fields = Fields::none().with("name", "Ann").with("bio", "Writes.");
        let author = scenario
            .admin
            .create_snippet("blog/author", &fields)
            .await
            .unwrap();
        let subject = format!("blog.author/{author}");
        scenario.add_object(&subject);
        let events = scenario.expect(&[object("author.created", &subject)]).await;
        let data = &events[0].data;
        assert_eq!(data["id"], author.0);
        assert_eq!(data["title"], "Ann");
        assert_eq!(data["content_type"], "blog.author");
        assert_eq!(data["fields"], json!({"name": "Ann"}));

        let fields = Fields::none().with("name", "Ann B").with("bio", "Wrote.");
        scenario
            .admin
            .edit_snippet("blog/author", author, &fields)
            .await
            .unwrap();
        let events = scenario.expect(&[object("author.updated", &subject)]).await;
        assert_eq!(changed(&events[0]), ["bio", "name"]);
        assert_eq!(events[0].data["previous"], json!({"name": "Ann"}));

        scenario
            .admin
            .delete_snippet("blog/author", author)
            .await
            .unwrap();
        let events = scenario.expect(&[object("author.deleted", &subject)]).await;
        assert_eq!(events[0].data["title"], "Ann B");
    });
}
