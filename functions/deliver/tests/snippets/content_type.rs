//! The content type of a request: exactly one, and a subscriber may have its own.

use jiff::Timestamp;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::receiver::{NODE, Receiver, python, snippet};
use crate::sender::{SECRET, captured_from, post_to};

const EVENT: &str = r#"{"type":"wagtail.page.published","data":{"title":"Z\u00fcrich \ufffe"}}"#;

#[tokio::test]
async fn exactly_one_content_type_is_sent_and_the_signature_verifies() {
    let template = json!({"text": "${data.title}"});
    for (rest, expected) in [
        (json!({}), "application/cloudevents+json"),
        (json!({"template": template}), "application/json"),
        (
            json!({"headers": {"content-type": "application/json"}}),
            "application/json",
        ),
        (
            json!({"headers": {"Content-Type": "application/json"}}),
            "application/json",
        ),
        (
            json!({"headers": {"CONTENT-TYPE": "text/plain; charset=utf-8"}}),
            "text/plain; charset=utf-8",
        ),
        (
            json!({"headers": {"Content-Type": "application/vnd.team+json"}, "template": template}),
            "application/vnd.team+json",
        ),
    ] {
        let mut subscriber = rest.clone();
        subscriber["secrets"] = json!([SECRET]);
        let (headers, body) = captured_from(subscriber, EVENT).await;
        let sent: Vec<_> = headers.get_all("content-type").iter().collect();
        assert_eq!(sent, [expected], "{rest}");
        let verifier = Webhook::new(SECRET).unwrap();
        verifier.verify(body.as_bytes(), &headers).unwrap();
    }
}

/// Express parses `application/json` only.
#[tokio::test]
async fn a_framework_that_parses_json_alone_parses_the_body_with_a_content_type_of_the_subscribers_own()
 {
    let program = |port: u16| {
        format!(
            "import express from \"express\";\n\
             express().use(express.json()).post(\"/wagtail\", (request, response) => {{\n\
               console.log(JSON.stringify({{title: request.body?.data?.title ?? null}}));\n\
               response.sendStatus(204);\n\
             }}).listen({port}, \"127.0.0.1\");\n"
        )
    };
    let receiver = Receiver::start(NODE, "parser.mjs", program).await;
    let json = json!({"content-type": "application/json"});
    for headers in [json!({}), json] {
        let subscriber = json!({"url": receiver.url, "secrets": [SECRET], "headers": headers});
        assert_eq!(post_to(subscriber, EVENT, Timestamp::now()).await, 204);
    }
    let parsed = receiver.verified();
    assert_eq!(
        parsed,
        [json!({"title": null}), json!({"title": "Zürich \u{fffe}"})]
    );
}

/// Lambda hands a function the body of `application/json` as text, and that of other types in base64.
#[tokio::test]
async fn the_function_with_a_url_takes_a_body_as_text_and_in_base64() {
    let function = snippet("**A Lambda function with a URL**").replace("whsec_…", SECRET);
    let handed_on =
        "import base64, json, sys\n\ndef work_later(event):\n    print(json.dumps(event))\n\n";
    let subscriber = json!({"secrets": [SECRET]});
    let (headers, body) = captured_from(subscriber, EVENT).await;
    let headers: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    let genuine = json!({"headers": headers, "body": body}).to_string();
    let forged = json!({"headers": headers, "body": body.replace('Z', "z")}).to_string();
    for (input, in_base64, status) in [
        (&genuine, "False", 204),
        (&genuine, "True", 204),
        (&forged, "True", 400),
    ] {
        let call = format!(
            "\nrequest = json.load(sys.stdin)\nrequest[\"isBase64Encoded\"] = {in_base64}\n\
             if {in_base64}:\n    request[\"body\"] = base64.b64encode(request[\"body\"].encode()).decode()\n\
             print(handler(request, None)[\"statusCode\"])\n"
        );
        let output = python(&format!("{handed_on}{function}{call}"), input).await;
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(said.ends_with(&format!("{status}\n")), "{said} {complaint}");
    }
}
