//! Tests of URLs that lead to addresses which are not on the internet.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;
use tokio::net::TcpListener;
use wagrun_delivery::subscriber::{Rules, Schemes, Subscriber, Target};

use super::resolver::PublicOnly;
use super::{Reach, Timeouts, WebhookClient, WebhookError};
use crate::tests::world::{EVENT, EVENT_ID, SECRET, now};

/// The rules of a stack on AWS.
const RULES: Rules = Rules {
    schemes: Schemes::HttpsOnly,
    max_attempts: None,
};

const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    total: Duration::from_secs(5),
};

/// Returns the error of the parameter, or the result of the attempt.
async fn outcome(url: &str, client: &WebhookClient) -> Result<String, WebhookError> {
    let json = json!({"target": "webhook", "url": url, "secrets": [SECRET]}).to_string();
    let subscriber = match Subscriber::parse("x", "x", &json, RULES) {
        Ok(subscriber) => subscriber,
        Err(invalid) => return Ok(invalid.to_string()),
    };
    let Target::Webhook(webhook) = &subscriber.target else {
        panic!("{subscriber:?}");
    };
    let answer = client.send(webhook, EVENT_ID, EVENT, now()).await;
    answer.map(|status| format!("{status:?}"))
}

fn client() -> WebhookClient {
    let _ = rustls::crypto::ring::default_provider().install_default();
    WebhookClient::new(TIMEOUTS, Reach::Public).unwrap()
}

#[tokio::test]
async fn hostile_urls_are_called_by_no_spelling() {
    let client = client();
    let hosts = [
        (
            "Loopback, where Lambda's runtime API is: plain, short, octal, hexadecimal, mixed, as one number",
            "127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.254 0177.0.0.1 0177.0.0.01 0x7f.0.0.1 \
             0x7F.0x0.0x0.0x1 0x7f.1 0x7f000001 0X7F000001 2130706433 017700000001 00000000177.0.0.1 \
             127.0x0.0.01",
        ),
        (
            "Other digits and other dots, as a browser reads them; escaped",
            "１２７.０.０.１ 127。0。0。1 ①②⑦.⓪.⓪.① %31%32%37.0.0.1 127%2E0%2E0%2E1 0x7F%2e1",
        ),
        (
            "Ports change nothing",
            "127.0.0.1:443 127.0.0.1:9001 127.0.0.1:0 [::1]:8443 localhost:9001",
        ),
        ("This host", "0 0.0.0.0 0x0 [::] [0:0:0:0:0:0:0:0]"),
        (
            "Metadata, of the instance and of a task, and the VPC's resolver",
            "169.254.169.254 169.254.43518 0xa9fea9fe 2852039166 0251.0376.0251.0376 025177524776 \
             169.254.170.2 169.254.169.253 [fd00:ec2::254] [fd00:0ec2:0:0:0:0:0:0254] 100.100.100.200",
        ),
        (
            "Private, shared, benchmarking, documentation, multicast, reserved",
            "10.0.0.1 10.1 0xa.1 167772161 172.16.0.1 172.31.255.255 192.168.0.1 192.168.257 100.64.0.1 \
             192.0.0.192 198.18.0.1 192.0.2.1 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 \
             240.0.0.1 255.255.255.255 4294967295",
        ),
        (
            "IPv6: loopback, link-local, site-local, unique local, multicast, documentation",
            "[::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [fe80::1] [fec0::1] \
             [fc00::1] [fdff::1] [ff02::1] [2001:db8::1] [3fff::1] [100::1]",
        ),
        (
            "IPv4 within IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo",
            "[::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:169.254.169.254] [0:0:0:0:0:ffff:a9fe:a9fe] \
             [::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] \
             [64:ff9b:1::10.0.0.1] [2002:7f00:1::] [2002:a9fe:a9fe::1] [2001:0:7f00:1::] \
             [2001:0:4136:e378:8000:63bf:80ff:fffe]",
        ),
    ];
    let urls = hosts
        .iter()
        .flat_map(|(_, hosts)| hosts.split(' '))
        .map(|host| format!("https://{host}/latest/meta-data/"));
    // What comes before or after the host, or in place of the slashes.
    let urls = urls.chain(
        [
            "https:127.0.0.1/",
            "https:///127.0.0.1/",
            "https:\\\\127.0.0.1\\",
            "https://127.0.0.1\\@example.org/",
            "https://127.0.0.1?@example.org/",
            "https://127.0.0.1#@example.org/",
            "https://12\t7.0.0\n.1/",
            "  https://127.0.0.1/  ",
        ]
        .map(str::to_owned),
    );
    refused(urls, &client).await;
}

/// Everybody is this machine.
fn here(_: String) -> LookupFuture {
    Box::pin(async { Ok(vec!["127.0.0.1:0".parse().unwrap()]) })
}

#[tokio::test]
async fn hostile_names_are_called_by_no_spelling() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = WebhookClient::with_resolver(TIMEOUTS, Reach::Public, PublicOnly(here)).unwrap();
    let names = "localhost LocalHost localhost. localhost:9001 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ loc\u{ad}alhost %6cocalhost \
                 127.0.0.1.nip.io metadata.google.internal bücher.example xn--bcher-kva.example 0x7f.0.0.1.example";
    let urls = names.split(' ').map(|name| format!("https://{name}/"));
    refused(urls, &client).await;
}

async fn refused(urls: impl Iterator<Item = String>, client: &WebhookClient) {
    for url in urls {
        let outcome = outcome(&url, client).await;
        let refusal = match &outcome {
            Err(error @ WebhookError::NotPublic(_)) => error.to_string(),
            other => panic!("{url}: {other:?}"),
        };
        assert!(refusal.starts_with("the receiver's address "), "{refusal}");
        assert!(refusal.contains(" is not public ("), "{refusal}");
    }
}

#[tokio::test]
async fn a_url_with_placeholders_is_checked_like_any_other() {
    let client = client();
    let urls = [
        "https://127.0.0.1/${data.id}",
        "https://169.254.169.254/latest/${type}/?x=${data.title}",
        "https://0x7f.1${source|path}",
        "https://[::1]/${subject}",
    ];
    refused(
        urls[..2].iter().chain(&urls[3..]).map(ToString::to_string),
        &client,
    )
    .await;
    // The source is no URL, so the URL lacks its path and is not made.
    let outcome = outcome(urls[2], &client).await;
    assert!(
        matches!(outcome, Err(WebhookError::Unrendered(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_is_no_plain_https_url_is_no_subscriber() {
    let client = client();
    let cases = [
        ("http://example.org/", "the scheme \"http\""),
        ("HTTP://example.org/", "the scheme \"http\""),
        ("ftp://example.org/", "the scheme \"ftp\""),
        ("file:///proc/self/environ", "the scheme \"file\""),
        ("gopher://127.0.0.1:6379/_", "the scheme \"gopher\""),
        ("unix:/run/x", "the scheme \"unix\""),
        ("javascript:alert(1)", "the scheme \"javascript\""),
        ("//127.0.0.1/", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://user@127.0.0.1/", "carries a user name or password"),
        (
            "https://example.org@127.0.0.1/",
            "carries a user name or password",
        ),
        (
            "https://example.org:443@127.0.0.1/",
            "carries a user name or password",
        ),
        ("https://:x@127.0.0.1/", "carries a user name or password"),
        ("https://127.0.0.1:65536/", "is not a URL"),
        ("https://256.0.0.1/", "is not a URL"),
        ("https://127.0.0.0.1/", "is not a URL"),
        ("https://0x7f.0.0.0x100/", "is not a URL"),
        ("https://4294967296/", "is not a URL"),
        ("https://127.0.0.1%00.example.org/", "is not a URL"),
        ("https://[::1%25lo]/", "is not a URL"),
        ("https://[::ffff:127.0.0.1.]/", "is not a URL"),
        ("https://[fe80::1/", "is not a URL"),
        ("https://exa mple.org/", "is not a URL"),
    ];
    for (url, complaint) in cases {
        let outcome = outcome(url, &client).await.unwrap();
        assert!(outcome.contains(complaint), "{url}: {outcome}");
    }
}

type LookupFuture = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Returns one public address and one that is not.
fn mixed(_: String) -> LookupFuture {
    Box::pin(async {
        let found = ["8.8.8.8:0", "10.0.0.7:0"];
        Ok(found.map(|address| address.parse().unwrap()).to_vec())
    })
}

#[tokio::test]
async fn a_name_with_one_address_inside_is_refused_as_a_whole() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = WebhookClient::with_resolver(TIMEOUTS, Reach::Public, PublicOnly(mixed)).unwrap();
    let error = outcome("https://hooks.example.org/", &client)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the receiver's address 10.0.0.7 is not public (private use)"
    );
    assert_eq!(error.outcome(), "forbidden");
}

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// Somebody who answers otherwise each time.
fn rebinding(_: String) -> LookupFuture {
    let address = match LOOKUPS.fetch_add(1, Ordering::SeqCst) {
        0 => "127.0.0.2:0",
        _ => "127.0.0.1:0",
    };
    Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
}

#[tokio::test]
async fn a_name_is_looked_up_once() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        WebhookClient::with_resolver(TIMEOUTS, Reach::Public, PublicOnly(rebinding)).unwrap();
    let error = outcome("https://hooks.example.org/", &client)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("127.0.0.2"), "{error}");
    assert_eq!(LOOKUPS.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn nothing_is_sent_to_a_refused_address() {
    let client = client();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}/");
        assert!(outcome(&url, &client).await.is_err());
    }
    let connection = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(connection.is_err(), "{connection:?}");
}
