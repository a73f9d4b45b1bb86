//! Tests of the receivers: they accept what deliver sends, and refuse the rest.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::receiver::{NODE, PYTHON, Receiver, python, snippet};
use crate::sender::{PUBLIC_KEY, SECRET, SECRET_KEY, captured, post};

const OTHER_SECRET: &str = "whsec_b3RoZXIgc2VjcmV0IGZvciByb3RhdGlvbiE=";
// Of test 2 in RFC 8032, section 7.1.
const OTHER_SECRET_KEY: &str = "whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=";

/// As large as an event can be, with text that has more bytes than characters.
pub fn body() -> String {
    let title = "Zürich – 東京 ".repeat(12_500);
    let event = json!({"type": "wagtail.page.published", "data": {"title": title}});
    let body = event.to_string();
    assert!((200_000..250_000).contains(&body.len()), "{}", body.len());
    body
}

/// Asserts that the receiver accepts what is signed as it should be, and refuses the rest.
async fn assert_verifies(receiver: Receiver) {
    let body = body();
    let url = &receiver.url;
    let now = Timestamp::now();
    // While secrets are rotated, and with a signature that the library does not know.
    let rotating = [SECRET_KEY, OTHER_SECRET, SECRET];
    assert_eq!(post(url, &rotating, &body, now).await, 204);
    assert_eq!(post(url, &[OTHER_SECRET], &body, now).await, 400);
    assert_eq!(post(url, &[SECRET_KEY], &body, now).await, 400);
    let old = now - SignedDuration::from_mins(6);
    assert_eq!(post(url, &[SECRET], &body, old).await, 400);

    let (mut headers, body) = captured(&[SECRET], &body).await;
    // Of this request, not of the one to be sent.
    headers.remove("content-length");
    headers.remove("host");
    let send = async |body: String| {
        let request = reqwest::Client::new().post(url).headers(headers.clone());
        request.body(body).send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(body.clone()).await, 204, "sent again as it was");
    assert_eq!(send(body.replacen("Zürich", "Zurich", 1)).await, 400);
    let event: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(receiver.verified(), [event.clone(), event]);
}

#[tokio::test]
async fn the_receiver_in_python() {
    let handed_on =
        "import json\n\ndef work_later(event):\n    print(json.dumps(event), flush=True)\n\n";
    let program = |port: u16| {
        let snippet = snippet("**Python**").replace("whsec_…", SECRET);
        format!("{handed_on}{snippet}\napp.run(port={port})\n")
    };
    assert_verifies(Receiver::start(PYTHON, "receiver.py", program).await).await;
}

#[tokio::test]
async fn the_receiver_in_javascript() {
    let handed_on = "globalThis.workLater = (event) => console.log(JSON.stringify(event));\n";
    let program = |port: u16| {
        let snippet = snippet("**JavaScript**").replace("whsec_…", SECRET);
        let listening = snippet.replace("listen(8080)", &format!("listen({port}, \"127.0.0.1\")"));
        assert_ne!(listening, snippet);
        format!("{handed_on}{listening}")
    };
    assert_verifies(Receiver::start(NODE, "receiver.mjs", program).await).await;
}

#[tokio::test]
async fn v1a_in_python() {
    let function = snippet("**v1a").replace("whpk_…", PUBLIC_KEY);
    let body = body();
    let both = [SECRET, OTHER_SECRET_KEY, SECRET_KEY];
    let (headers, body) = captured(&both, &body).await;
    let (unsigned, _) = captured(&[SECRET, OTHER_SECRET_KEY], &body).await;
    let (without, _) = captured(&[SECRET], &body).await;
    let mut old = headers.clone();
    old.insert("webhook-timestamp", 1_700_000_000.into());
    for (headers, body, is_genuine) in [
        (&headers, body.clone(), true),
        (&headers, body.replacen('Z', "z", 1), false),
        (&unsigned, body.clone(), false),
        (&without, body.clone(), false),
        (&old, body.clone(), false),
    ] {
        let headers: serde_json::Map<String, Value> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
            .collect();
        let call = "\nimport json, sys\nwebhook = json.load(sys.stdin)\n\
             verify(webhook[\"body\"].encode(), webhook[\"headers\"])\n";
        let input = json!({"headers": headers, "body": body}).to_string();
        let output = python(&format!("{function}{call}"), &input).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), is_genuine, "{complaint}");
        assert!(
            is_genuine || complaint.contains("InvalidSignature"),
            "{complaint}"
        );
    }
}
