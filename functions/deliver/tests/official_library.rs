//! The library of Standard Webhooks for Python verifies what deliver sends.
//!
//! The one for Rust does so in the unit tests; this is another language, and other authors' HMAC and ed25519.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, http::HeaderMap};
use deliver::{Reach, Timeouts, WebhookClient};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wagrun::subscriber::{Rules, Subscriber, Target};

const SECRETS: [&str; 2] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_b3RoZXIgc2VjcmV0IGZvciByb3RhdGlvbiE=",
];
// Test 1 of RFC 8032, section 7.1.
const SECRET_KEY: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC_KEY: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
// The key of test 2, which signed nothing here.
const OTHER_PUBLIC_KEY: &str = "whpk_PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
const OTHER_SECRET: &str = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCBrZXk=";
const BODY: &str = r#"{"type":"wagtail.page.published", "data":{"title":"Zürich \u00fc"}}"#;

#[tokio::test]
async fn python_verifies_what_was_sent() {
    let (headers, body) = sent().await;
    let webhook = |secrets: &[&str], public_keys: &[&str], body: &str| json!({"headers": headers, "body": body, "secrets": secrets, "public_keys": public_keys});
    assert_eq!(body, BODY);
    let all = verify(&webhook(&SECRETS, &[PUBLIC_KEY], &body));
    assert!(all.status.success(), "{}", text(&all.stderr));

    let changed = body.replace("Z", "z");
    for (wrong, complaint) in [
        (
            webhook(&[OTHER_SECRET], &[], &body),
            "No matching signature found",
        ),
        (
            webhook(&SECRETS[..1], &[], &changed),
            "No matching signature found",
        ),
        (webhook(&[], &[OTHER_PUBLIC_KEY], &body), "no v1a signature"),
        (webhook(&[], &[PUBLIC_KEY], &changed), "no v1a signature"),
    ] {
        let output = verify(&wrong);
        assert!(!output.status.success(), "{wrong}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(complaint), "{stderr}");
    }
}

/// Headers and body of one webhook, as its receiver got them.
async fn sent() -> (Value, String) {
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let received: Arc<Mutex<Option<(HeaderMap, Bytes)>>> = Arc::default();
    let inbox = Arc::clone(&received);
    let router = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| {
        *inbox.lock().unwrap() = Some((headers, body));
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let secrets = [SECRETS[0], SECRETS[1], SECRET_KEY];
    let parameter = json!({"target": "webhook", "url": url, "secrets": secrets}).to_string();
    let subscriber = Subscriber::parse("python", "python", &parameter, Rules::LENIENT).unwrap();
    let Target::Webhook(webhook) = &subscriber.target else {
        panic!("{subscriber:?}");
    };
    let client = WebhookClient::new(Timeouts::default(), Reach::Anywhere).unwrap();
    client
        .post(
            webhook,
            "0f2c8f6e-7d1b-4c8e-9a53-000000000001",
            BODY,
            Timestamp::now(),
        )
        .await
        .unwrap();

    let (headers, body) = received.lock().unwrap().take().unwrap();
    let headers: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    (headers.into(), text(&body))
}

/// Hands the webhook to the library, which is installed when it is not there yet.
fn verify(webhook: &Value) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let installed = Command::new("python3")
        .arg(root.join("tools/venv.py"))
        .arg("webhooks")
        .status()
        .unwrap();
    assert!(installed.success(), "tools/venv.py webhooks: {installed}");
    let mut child = Command::new(root.join(".local/venv/webhooks/bin/python"))
        .arg(root.join("tests/verify_webhook.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closed at the end of the statement, which is the end of its input.
    let written = child
        .stdin
        .take()
        .unwrap()
        .write_all(webhook.to_string().as_bytes());
    written.unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
