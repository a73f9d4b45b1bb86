//! The page on which events and deliveries appear while one edits.
//!
//! It asks `/deliveries?after=<n>` and is answered when the receiver has more than `n`. The database is asked once for
//! each delivery that is shown and never in between, so that one can watch that wagrun holds no connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use wagrun::event::Event;
use wagrun::telemetry::chain;

use crate::receiver::{Delivery, Receiver};
use crate::timeline::Timeline;

/// How long a browser's question may stay open; shorter than any proxy's patience.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the page shows, and where it looks it up.
#[derive(Debug, Clone)]
pub struct Page {
    /// Whose deliveries.
    pub receiver: Arc<Receiver>,
    /// The database, as the schema's owner.
    pub database: String,
    /// The Wagtail admin, which the page links to.
    pub admin: String,
}

#[derive(Deserialize)]
struct After {
    after: usize,
}

#[derive(Serialize)]
struct Shown {
    subscriber: String,
    received_at: String,
    status: Option<u16>,
    signature: Result<(), String>,
    webhook_id: Option<String>,
    event: Result<Event, String>,
    stages: Result<Vec<(f64, &'static str)>, String>,
}

impl Page {
    /// Binds the page to a free port of 127.0.0.1, and returns where it is with the server that has to be awaited.
    pub async fn bind(
        self,
    ) -> io::Result<(SocketAddr, impl Future<Output = io::Result<()>> + Send)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let app = Router::new()
            .route("/", get(index))
            .route("/deliveries", get(deliveries))
            .with_state(self);
        Ok((address, async move { axum::serve(listener, app).await }))
    }
}

async fn index(State(page): State<Page>) -> Html<String> {
    Html(include_str!("page.html").replace("{{admin}}", &page.admin))
}

async fn deliveries(
    State(page): State<Page>,
    Query(After { after }): Query<After>,
) -> Json<Vec<Shown>> {
    // Nothing new is an answer as well: the page asks again.
    let _ = tokio::time::timeout(PATIENCE, page.receiver.more_than(after)).await;
    let mut shown = Vec::new();
    for delivery in page.receiver.deliveries_after(after) {
        shown.push(page.shown(delivery).await);
    }
    Json(shown)
}

impl Page {
    async fn shown(&self, delivery: Delivery) -> Shown {
        let stages = match &delivery.event {
            Err(_) => Ok(Vec::new()),
            Ok(event) => Timeline::of(&self.database, &delivery, event)
                .await
                .map(|timeline| timeline.stages().collect())
                .map_err(|error| chain(&error)),
        };
        Shown {
            received_at: delivery.received_at.to_string(),
            status: delivery.status.map(|status| status.as_u16()),
            webhook_id: delivery.header("webhook-id").map(str::to_owned),
            subscriber: delivery.subscriber,
            signature: delivery.signature,
            event: delivery.event,
            stages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_delivery_appears_on_the_page() {
        crate::install_crypto();
        let receiver = Arc::new(Receiver::start().unwrap());
        let page = Page {
            receiver: Arc::clone(&receiver),
            database: "postgres://127.0.0.1:1/none".into(),
            admin: "http://127.0.0.1:8000/admin/".into(),
        };
        let (address, server) = page.bind().await.unwrap();
        tokio::spawn(server);
        let client = reqwest::Client::new();
        let get = async |path: &str| {
            let url = format!("http://{address}{path}");
            let answer = client.get(url).send().await.unwrap();
            answer.text().await.unwrap()
        };
        assert!(get("/").await.contains("http://127.0.0.1:8000/admin/"));

        let (shown, _) = tokio::join!(
            get("/deliveries?after=0"),
            client
                .post(receiver.url("demo"))
                .body("not an event")
                .send()
        );
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown[0]["subscriber"], "demo");
        assert_eq!(shown[0]["status"], 204);
        assert!(shown[0]["event"]["Err"].is_string());
    }
}
