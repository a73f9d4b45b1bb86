use super::*;
use serde_json::json;

fn render(template: Value) -> Value {
    let event = json!({
        "type": "wagtail.page.moved",
        "data": {
            "id": 4, "title": "Fish & <Chips>", "live": true, "url": null, "tags": ["a", "b"],
            "previous": {"slug": "fish\"\n"},
        },
    });
    let json = Template::parse(&template).unwrap().render(&event).unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn placeholders_are_filled() {
    let cases = [
        // Alone: the value as it is.
        (json!("${type}"), json!("wagtail.page.moved")),
        (json!("${data.id}"), json!(4)),
        (json!("${data.live}"), json!(true)),
        (json!("${data.tags}"), json!(["a", "b"])),
        (json!("${data.tags.1}"), json!("b")),
        (json!("${data.previous}"), json!({"slug": "fish\"\n"})),
        // Within a text: written out.
        (
            json!("page ${data.id}: ${data.title}"),
            json!("page 4: Fish & <Chips>"),
        ),
        (json!("${data.id}${data.live}"), json!("4true")),
        (json!("tags ${data.tags}"), json!("tags [\"a\",\"b\"]")),
        (json!("was ${data.previous.slug}"), json!("was fish\"\n")),
        (
            json!("${data.title|slack}"),
            json!("Fish &amp; &lt;Chips&gt;"),
        ),
        // Not there.
        (json!("${data.url}"), json!(null)),
        (json!("${data.nothing.at.all}"), json!(null)),
        (json!("${data.tags.7}"), json!(null)),
        (json!("${data.title.x}"), json!(null)),
        (json!("at ${data.url}."), json!("at .")),
        (json!("${data.url|slack}"), json!("")),
        // No placeholders.
        (json!(""), json!("")),
        (json!("5 $ and {this}"), json!("5 $ and {this}")),
        (
            json!("$${type} is ${type}"),
            json!("${type} is wagtail.page.moved"),
        ),
        (
            json!({"a": [1, null, {"${type}": "x"}], "b": 1.5}),
            json!({"a": [1, null, {"${type}": "x"}], "b": 1.5}),
        ),
    ];
    for (template, expected) in cases {
        assert_eq!(render(template.clone()), expected, "{template}");
    }
}

#[test]
fn lists_are_spread_and_parts_of_urls_taken() {
    let event = json!({"data": {
        "url": "https://www.example.org:8443/a%20b/?q", "tags": ["a", null, "<b>"], "none": [], "id": 4,
        "urls": ["https://www.example.org/", "no URL", "http://x.example/y"],
    }});
    let cases = [
        (json!(["${...data.tags}"]), json!(["a", "<b>"])),
        (
            json!([
                0,
                "${...data.nothing}",
                "${...data.tags}",
                "${...data.none}",
                "${...data.id}",
                [["${...data.none}"]]
            ]),
            json!([0, "a", "<b>", 4, [[]]]),
        ),
        (json!(["${...data.nothing}", 1]), json!([1])),
        (json!(["${...data.tags|slack}"]), json!(["a", "&lt;b&gt;"])),
        (
            json!(["${...data.urls|path}", "${...data.url|host}"]),
            json!(["/", "/y", "www.example.org:8443"]),
        ),
        (json!("${data.url|path}"), json!("/a%20b/")),
        (
            json!("${data.urls|host}"),
            json!(["www.example.org", "x.example"]),
        ),
        (json!("${data.id|path}"), json!(null)),
        (json!("at ${data.url|path}"), json!("at /a%20b/")),
    ];
    for (template, expected) in cases {
        let json = Template::parse(&template).unwrap().render(&event).unwrap();
        let rendered: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(rendered, expected, "{template}");
    }
}

#[test]
fn several_values_stand_in_a_list_only() {
    for (template, place) in [
        (json!("${...data.tags}"), ""),
        (json!({"a": "${...data.tags}"}), ".a"),
        (json!(["x", "and ${...data.tags}"]), "[1]"),
    ] {
        let error = Template::parse(&template).unwrap_err();
        assert_eq!(error, (place.to_owned(), Problem::SpreadOutsideList));
    }
}

#[test]
fn a_value_that_looks_like_a_placeholder_stays_text() {
    let template = Template::parse(&json!("${data.title} ${type}")).unwrap();
    let event = json!({"type": "x", "data": {"title": "${type}"}});
    assert_eq!(template.render(&event).unwrap(), r#""${type} x""#);
}

#[test]
fn faults_are_named_with_their_place() {
    let cases = [
        (json!("${type"), "", Problem::OpenPlaceholder),
        (json!("${}"), "", Problem::NotAPath(String::new())),
        (
            json!({"a": ["", "${data..id}"]}),
            ".a[1]",
            Problem::NotAPath("data..id".into()),
        ),
        (
            json!(["${ type }"]),
            "[0]",
            Problem::NotAPath(" type ".into()),
        ),
        (
            json!("${type|upper}"),
            "",
            Problem::UnknownFilter("upper".into()),
        ),
    ];
    for (template, place, problem) in cases {
        let error = Template::parse(&template).unwrap_err();
        assert_eq!(error, (place.to_owned(), problem), "{template}");
    }
}

#[test]
fn a_payload_that_grows_too_long_is_stopped() {
    let event = json!({"data": "x".repeat(256 * 1024)});
    let five = [json!("${data}"), json!("${data} ")].map(|place| vec![place; 5]);
    for template in five
        .into_iter()
        .map(Value::Array)
        .chain([json!("${data}".repeat(5))])
    {
        let template = Template::parse(&template).unwrap();
        assert_eq!(template.render(&event), Err(PayloadTooLong));
    }
    let three = Template::parse(&json!(vec!["${data}"; 3])).unwrap();
    assert!(three.render(&event).is_ok());
}
