//! deliver's own client, and a receiver that keeps what it gets.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use deliver::{Reach, Timeouts, WebhookClient};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wagrun_delivery::subscriber::{Rules, Subscriber, Target};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
// Test 1 of RFC 8032, section 7.1.
pub const SECRET_KEY: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
pub const PUBLIC_KEY: &str = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// Sends a webhook with these secrets, and returns the receiver's status.
pub async fn post(url: &str, secrets: &[&str], body: &str, now: Timestamp) -> u16 {
    post_to(json!({"url": url, "secrets": secrets}), body, now).await
}

/// Sends a webhook to a subscriber with these fields, and returns the receiver's status.
pub async fn post_to(mut subscriber: Value, body: &str, now: Timestamp) -> u16 {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    subscriber["target"] = json!("webhook");
    let parameter = subscriber.to_string();
    let subscriber = Subscriber::parse("x", "x", &parameter, Rules::LENIENT).unwrap();
    let Target::Webhook(webhook) = &subscriber.target else {
        panic!("{subscriber:?}");
    };
    let client = WebhookClient::new(Timeouts::default(), Reach::Anywhere).unwrap();
    let id = "0f2c8f6e-7d1b-4c8e-9a53-000000000001";
    match client.send(webhook, id, body, now).await {
        Ok(status) => status.unwrap().as_u16(),
        Err(error) => error.status().unwrap_or_else(|| panic!("{error:?}")),
    }
}

/// Returns headers and body of such a request.
pub async fn captured(secrets: &[&str], body: &str) -> (HeaderMap, String) {
    captured_from(json!({"secrets": secrets}), body).await
}

/// Returns headers and body of a request to a subscriber with these fields.
pub async fn captured_from(mut subscriber: Value, body: &str) -> (HeaderMap, String) {
    let received: Arc<Mutex<Option<(HeaderMap, Bytes)>>> = Arc::default();
    let inbox = Arc::clone(&received);
    let keep = async move |headers: HeaderMap, body: Bytes| {
        *inbox.lock().unwrap() = Some((headers, body));
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().fallback(keep);
    tokio::spawn(async move { axum::serve(listener, router).await });
    subscriber["url"] = json!(url);
    assert_eq!(post_to(subscriber, body, Timestamp::now()).await, 200);
    let (headers, body) = received.lock().unwrap().take().unwrap();
    (headers, String::from_utf8(body.to_vec()).unwrap())
}
