use super::*;
use crate::admin::fields::{Block, Fields};
use crate::admin::ids::ImageId;

const PAGE: &str = r#"
<form method="get" action="/search/"><input name="q" value="elsewhere"></form>
<form id="page-edit-form" action="/edit/" data-action="a->b#c" method="POST">
  <input type="hidden" name="title" value="Tea &amp; &quot;cake&quot; &lt;3">
  <input type="checkbox" name="ticked" checked><input type="checkbox" name="unticked">
  <input type="file" name="file"><input type="submit" name="go" value="Go">
  <script>"<input name='scripted' value='x'>"</script>
  <textarea name="notes">
one
two</textarea>
  <select name="choice"><option value="1">One</option><option value="2" selected>Two</option></select>
  <template><input name="links-__prefix__-title" value=""><input name="go_live_at" value="2030-01-01"></template>
  <input type="hidden" name="related_links-TOTAL_FORMS" value="1">
  <input type="hidden" name="related_links-INITIAL_FORMS" value="1">
  <div id="body" data-block data-w-block-arguments-value="[[{&quot;type&quot;: &quot;heading&quot;, &quot;value&quot;: &quot;Hi&quot;, &quot;id&quot;: &quot;a&quot;}, {&quot;type&quot;: &quot;image&quot;, &quot;value&quot;: {&quot;id&quot;: 7, &quot;title&quot;: &quot;x&quot;}, &quot;id&quot;: &quot;b&quot;}], null]"></div>
</form>
<input name="outside" value="x">
"#;

fn names(form: &Form) -> Vec<&str> {
    let plain = |(name, _): &'_ (String, String)| !name.starts_with("body-");
    let names = form.0.iter().filter(|field| plain(field));
    names.map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_form_is_read_as_a_browser_would_send_it() {
    let form = Form::parse(PAGE, "/edit/").unwrap();
    assert_eq!(form.value("title"), Some(r#"Tea & "cake" <3"#));
    assert_eq!(form.value("ticked"), Some("on"));
    assert_eq!(form.value("notes"), Some("one\ntwo"));
    assert_eq!(form.value("choice"), Some("2"));
    assert_eq!(form.value("go_live_at"), Some("2030-01-01"));
    assert_eq!(
        names(&form),
        [
            "title",
            "ticked",
            "notes",
            "choice",
            "go_live_at",
            "related_links-TOTAL_FORMS",
            "related_links-INITIAL_FORMS"
        ]
    );
}

#[test]
fn a_stream_field_is_sent_back_as_it_was() {
    let form = Form::parse(PAGE, "/edit/").unwrap();
    assert_eq!(form.value("body-count"), Some("2"));
    assert_eq!(form.value("body-0-value"), Some("Hi"));
    assert_eq!(form.value("body-0-id"), Some("a"));
    assert_eq!(form.value("body-1-value"), Some("7"));
}

#[test]
fn a_new_body_replaces_every_block() {
    let fields = Fields::none().body([Block::Image(ImageId(9))]);
    let filled = fields.fill(Form::parse(PAGE, "/edit/").unwrap());
    let body = filled.iter().filter(|(name, _)| name.starts_with("body-"));
    let body: Vec<(&str, &str)> = body
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        body,
        [
            ("body-count", "1"),
            ("body-0-type", "image"),
            ("body-0-id", ""),
            ("body-0-order", "0"),
            ("body-0-deleted", ""),
            ("body-0-value", "9"),
        ]
    );
}

#[test]
fn new_links_delete_the_old_ones() {
    let fields = Fields::none().related_links([("New", "https://new.example/")]);
    let form = Form(fields.fill(Form::parse(PAGE, "/edit/").unwrap()));
    assert_eq!(form.value("related_links-TOTAL_FORMS"), Some("2"));
    assert_eq!(form.value("related_links-0-DELETE"), Some("on"));
    assert_eq!(form.value("related_links-1-title"), Some("New"));
}

#[test]
fn there_is_no_form_that_posts_elsewhere() {
    assert!(Form::parse(PAGE, "/delete/").is_none());
}

#[test]
fn an_excerpt_is_the_errors_or_else_the_text() {
    let page = "<h1>Edit</h1><script>no</script><p class=\"error-message\">Taken &amp; <b>gone</b>.</p> more";
    assert_eq!(excerpt(page), "Taken & gone .");
    assert_eq!(
        excerpt("<style>no</style><h1>Not\n found</h1>"),
        "Not found"
    );
}

#[test]
fn broken_html_ends_where_the_page_ends() {
    for page in [
        "<form action=\"/edit/",
        "<form action=\"/edit/\"><input name=\"a",
        "<form action=\"/edit/\"><select name=b>",
    ] {
        let _ = Form::parse(page, "/edit/");
        let _ = excerpt(page);
    }
}
