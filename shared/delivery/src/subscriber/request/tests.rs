use super::*;
use serde_json::json;

use crate::subscriber::invalid::Problem;
use crate::subscriber::parse::DELIVER;
use crate::subscriber::{Subscriber, Target, Webhook};

const EVENT: &str = r#"{"id":"e1", "type":"wagtail.page.moved","subject":"page/4","data":{"id":4,"title":"a/b?c=d&e#f %41 ü","live":true,
    "empty":"","nested":[1],"url":"https://www.example.org:8443/a%20b/ü/?q=1","urls":["https://www.example.org/new/","https://en.example.org/new/"],
    "previous":{"urls":["https://www.example.org/old/","https://en.example.org/new/"]}}}"#;

fn webhook(fields: Value) -> Webhook {
    let mut subscriber = json!({"target": "webhook", "template": null});
    if fields.get("requests").is_some() {
        subscriber = json!({"target": "webhook"});
    }
    let fields = fields.as_object().unwrap().clone();
    subscriber.as_object_mut().unwrap().extend(fields);
    let parsed = Subscriber::parse("x", "x", &subscriber.to_string(), DELIVER);
    match parsed.unwrap().target {
        Target::Webhook(webhook) => *webhook,
        other => panic!("{other:?}"),
    }
}

/// Returns each request as its method, its URL and its body.
fn rendered(fields: Value) -> Vec<String> {
    let webhook = webhook(fields);
    let requests = webhook.render(EVENT).unwrap().into_iter();
    let lines = requests.map(|request| {
        let body = request.body.as_ref().map_or("", Body::as_str);
        format!("{} {} {body}", request.method, request.url)
            .trim_end()
            .to_owned()
    });
    lines.collect()
}

fn url(url: &str) -> String {
    let line = rendered(json!({"url": url})).remove(0);
    line.strip_prefix("POST https://example.org")
        .unwrap()
        .to_owned()
}

fn fault(url: &str) -> String {
    let webhook = webhook(json!({"url": url}));
    webhook.render(EVENT).unwrap_err().to_string()
}

#[test]
fn a_value_in_a_url_stays_within_its_segment_or_its_parameter() {
    assert_eq!(url("https://example.org/docs/${data.id}"), "/docs/4");
    assert_eq!(url("https://example.org/d/${subject}"), "/d/page%2F4");
    assert_eq!(
        url("https://example.org/?q=${data.title}&n=${data.live}"),
        "/?q=a%2Fb%3Fc%3Dd%26e%23f%20%2541%20%C3%BC&n=true"
    );
    assert_eq!(url("https://example.org/$${a}/${data.id}"), "/$%7Ba%7D/4");
}

#[test]
fn a_part_of_a_url_adds_no_parameter() {
    let webhook = webhook(json!({
        "url": "https://example.org/a${data.link|path}?path=${data.link|path}&host=${data.link|host}&x=1",
    }));
    for (link, expected) in [
        (
            "https://www.example.org/a&admin=1;b+c/",
            "/a/a&admin=1;b+c/?path=/a%26admin%3D1%3Bb%2Bc/&host=www.example.org&x=1",
        ),
        ("https://x/%26/", "/a/%26/?path=/%26/&host=x&x=1"),
        // The host of a scheme that is not a browser's may have more characters.
        ("x://h&x=2/", "/a/?path=/&host=h%26x%3D2&x=1"),
    ] {
        let event = json!({"data": {"link": link}}).to_string();
        let url = webhook.render(&event).unwrap().remove(0).url;
        assert_eq!(&url[url::Position::BeforePath..], expected);
    }
}

#[test]
fn a_request_that_is_repeated_too_often_for_its_size_is_refused_in_time() {
    let tags: Vec<u32> = (0..40_000).collect();
    let event = json!({"data": {"tags": tags, "again": tags}}).to_string();
    let started = std::time::Instant::now();
    let fields = |template: &str| {
        json!({
            "url": "https://example.org/${each}", "for_each": ["${...data.tags}", "${...data.again}"], "template": template,
        })
    };
    let render = |template| {
        webhook(fields(template))
            .render(&event)
            .map(|all| all.len())
    };
    assert_eq!(render("${each}").unwrap(), 40_000);
    // Each payload has the whole list.
    let error = render("${data.tags}").unwrap_err().to_string();
    assert_eq!(
        error,
        "the requests for the event have more than 8388608 bytes together"
    );
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_secs(10), "took {took:?}");
}

#[test]
fn the_parts_of_a_url_can_stand_in_a_url() {
    assert_eq!(
        url("https://example.org/purge/${data.url|host}${data.url|path}"),
        "/purge/www.example.org:8443/a%20b/%C3%BC/"
    );
    assert_eq!(url("https://example.org${data.url|path}"), "/a%20b/%C3%BC/");
}

#[test]
fn a_url_that_lacks_a_value_is_no_url() {
    for path in ["data.nothing", "data.empty", "data.nested", "data"] {
        let url = format!("https://example.org/documents/${{{path}}}");
        let expected = format!("the event has no {path} for the subscriber's URL");
        assert_eq!(fault(&url), expected);
    }
    assert!(fault("https://example.org/${data.title|path}").contains("data.title"));
}

#[test]
fn a_value_cannot_climb_out_of_its_folder() {
    for value in [".", "..", "%2e%2e", "%2E", ".%2e"] {
        let template = UrlTemplate::parse("https://example.org/a/b/${data.x}", false).unwrap();
        let event = json!({"data": {"x": value}});
        match template.render(&event) {
            Err(UrlFault::OtherPath) => {}
            // A percent sign is encoded itself, so the segment is a name like any other.
            Ok(url) => assert!(url.path().starts_with("/a/b/"), "{url}"),
            other => panic!("{value}: {other:?}"),
        }
    }
    let halves = UrlTemplate::parse("https://example.org/a/${data.x}${data.x}/b", false).unwrap();
    let event = json!({"data": {"x": "."}});
    assert_eq!(halves.render(&event), Err(UrlFault::OtherPath));
}

#[test]
fn no_value_changes_scheme_host_or_port() {
    let values = [
        "@evil.example/",
        "//evil.example",
        "\\\\evil.example",
        ":9001/",
        ".evil.example",
        "https://evil.example/",
        "\t//evil.example",
        "#@evil.example",
        "?@evil.example",
        "169.254.169.254",
    ];
    let urls = [
        "https://example.org/${data.x}",
        "https://example.org/?u=${data.x}",
        "https://example.org?${data.x}",
        "https://example.org/${data.x|host}${data.x|path}",
        "https://example.org${data.x|path}",
    ];
    for value in values {
        for text in urls {
            let template = UrlTemplate::parse(text, false).unwrap();
            let event = json!({"data": {"x": value}});
            if let Ok(url) = template.render(&event) {
                let origin = url.origin().ascii_serialization();
                assert_eq!(origin, "https://example.org", "{text} with {value}: {url}");
                assert_eq!(url.username(), "", "{url}");
            }
        }
    }
}

#[test]
fn a_placeholder_before_the_path_is_refused() {
    for text in [
        "${data.url}",
        "https://${data.host}/",
        "https://example.org${data.id}",
        "https://example.org:${data.id}/",
        "https://${data.id}@example.org/",
        "https://example.${data.tld}/in",
        "https:${data.id}//example.org/",
        "https:///${data.id}",
        "https://${data.url|path}",
        "https://example.org${data.url|host}",
        "https:\\\\${data.id}/x",
        "https://example.org\\${data.id}",
    ] {
        let refused = UrlTemplate::parse(text, false);
        assert_eq!(refused, Err(Problem::PlaceholderInHost), "{text}");
    }
}

#[test]
fn a_placeholder_that_no_event_fills_is_refused_in_a_url() {
    for path in ["title", "each", "previous.url"] {
        let text = format!("https://example.org/${{{path}}}");
        let refused = UrlTemplate::parse(&text, false);
        assert_eq!(refused, Err(Problem::NotInEvents(path.to_owned())));
    }
    assert!(UrlTemplate::parse("https://example.org/${each}", true).is_ok());
    let climbing = UrlTemplate::parse("https://example.org/../${data.id}", false);
    assert!(climbing.is_err());
}

#[test]
fn a_request_is_repeated_for_each_value_once() {
    let urls = json!([
        "${...data.urls}",
        "${...data.previous.urls}",
        "${...data.previous.nothing}",
        null
    ]);
    let lines = rendered(json!({
        "url": "https://example.org/purge/${each|host}${each|path}", "method": "PURGE", "for_each": urls,
    }));
    assert_eq!(
        lines,
        [
            "PURGE https://example.org/purge/www.example.org/new/",
            "PURGE https://example.org/purge/en.example.org/new/",
            "PURGE https://example.org/purge/www.example.org/old/",
        ]
    );
    let lines = rendered(json!({
        "url": "https://example.org/", "for_each": urls, "per_request": 2, "template": {"files": "${each}"},
    }));
    assert_eq!(
        lines,
        [
            r#"POST https://example.org/ {"files":["https://www.example.org/new/","https://en.example.org/new/"]}"#,
            r#"POST https://example.org/ {"files":["https://www.example.org/old/"]}"#,
        ]
    );
    let none = json!({"url": "https://example.org/", "for_each": ["${...data.previous.nothing}"], "template": "${each}"});
    assert!(rendered(none).is_empty());
}

#[test]
fn the_first_request_whose_condition_holds_is_made() {
    let requests = |live: Value| {
        json!({"requests": [
            {"when": {"data.live": live, "type": ["wagtail.page.moved", "x"]}, "method": "PUT", "url": "https://example.org/1", "template": 1},
            {"when": {"data.nothing": [null]}, "url": "https://example.org/2", "template": null},
            {"url": "https://example.org/3", "template": null},
        ]})
    };
    assert_eq!(
        rendered(requests(json!([false, true]))),
        ["PUT https://example.org/1 1"]
    );
    assert_eq!(
        rendered(requests(json!([false, "true", 1]))),
        ["POST https://example.org/2"]
    );
    let never = json!({"requests": [{"when": {"data.live": [null]}, "url": "https://example.org/", "template": null}]});
    assert!(rendered(never).is_empty());
}

#[test]
fn the_event_itself_is_sent_unchanged() {
    let secrets = json!(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]);
    let fields = json!({"requests": [{"url": "https://example.org/"}], "secrets": secrets});
    assert!(webhook(fields.clone()).posts_events());
    assert_eq!(
        rendered(fields),
        [format!("POST https://example.org/ {EVENT}")]
    );
    let other = json!({"url": "https://example.org/${data.id}"});
    assert!(!webhook(other).posts_events());
}
