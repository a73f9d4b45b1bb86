//! The page of the demo. It shows events and their deliveries, and changes the behavior of the receivers.
//!
//! The browser requests `/view?after=<version>`, and is answered when a newer view exists. The view is built from the
//! requests that the receiver got and from the state of AWS. The database is asked for the timeline of an event only when a
//! user opens the event. So a user can see that wagrun holds no connection to the database.

mod aws_state;
mod eligibility;
mod observations;
mod receiver_mode;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use uuid::Uuid;
use wagrun_delivery::subscriber::RetrySchedule;
use wagrun_lambda::telemetry::chain;

use crate::deployment::{Deployment, DeploymentError};
use crate::timeline::Timeline;
use testing::receiver::Receiver;

use aws_state::AwsState;
use eligibility::Eligibility;
use observations::{Observations, event_id};
use receiver_mode::ReceiverMode;
use view::View;

pub use observations::OBSERVER;

/// The time after which `/view` is answered without a newer view. It is shorter than the timeouts of proxies.
const LONG_POLL_TIMEOUT: Duration = Duration::from_secs(20);
/// The time between two reads of AWS while the view is changing.
const BUSY_INTERVAL: Duration = Duration::from_millis(500);
/// The time between two reads of AWS while the view is not changing.
const IDLE_INTERVAL: Duration = Duration::from_secs(10);

/// The settings of the page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The receiver whose requests the page shows.
    pub receiver: Arc<Receiver>,
    /// The stack with deliver and the subscribers.
    pub deployment: Deployment,
    /// The subscribers whose receivers the page controls, in this order. [`OBSERVER`] is not among them.
    pub subscribers: Vec<String>,
    /// The retry delays that deliver was deployed with, in seconds.
    pub retry_seconds: Vec<u32>,
    /// The time from which on events are shown.
    pub since: Timestamp,
    /// The URL of the database, as the role that owns the schema.
    pub database: String,
    /// The URL of the Wagtail admin, to which the page links.
    pub admin: String,
}

/// A view with its version, which grows with each change.
#[derive(Debug, Clone, Default, Serialize)]
struct VersionedView {
    version: u64,
    /// The error of the last read of AWS, if it failed.
    problem: Option<String>,
    view: Arc<View>,
}

#[derive(Debug)]
struct Shared {
    page: Page,
    modes: Mutex<HashMap<String, ReceiverMode>>,
    current: watch::Sender<VersionedView>,
    /// Notified when a user has changed a receiver or a subscriber.
    changed: Notify,
}

impl Page {
    /// Binds the page to a free port of 127.0.0.1. Returns its address, and the server as a future to await.
    pub async fn bind(
        self,
    ) -> io::Result<(SocketAddr, impl Future<Output = io::Result<()>> + Send)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            page: self,
            modes: Mutex::default(),
            current: watch::Sender::new(VersionedView::default()),
            changed: Notify::new(),
        });
        let app = Router::new()
            .route("/", get(index))
            .route(
                "/page.css",
                get(|| async { asset("text/css", include_str!("page/page.css")) }),
            )
            .route(
                "/page.js",
                get(|| async { asset("text/javascript", include_str!("page/page.js")) }),
            )
            .route("/view", get(view))
            .route("/events/{id}/timeline", get(timeline))
            .route("/subscribers/{name}/mode", post(set_mode))
            .route("/subscribers/{name}/enable", post(enable))
            .with_state(Arc::clone(&shared));
        Ok((address, async move {
            tokio::select! {
                served = axum::serve(listener, app) => served,
                never = shared.update() => match never {},
            }
        }))
    }
}

impl Shared {
    /// Updates the view after each request, each change by a user, and after a pause.
    async fn update(&self) -> std::convert::Infallible {
        let page = &self.page;
        let mut aws = AwsState::new(page.deployment.clone(), page.since);
        let mut eligibility = HashMap::new();
        let schedule = RetrySchedule::new(page.retry_seconds.clone());
        loop {
            let changed = self.changed.notified();
            let mut requests = page.receiver.all_requests();
            let seen = requests.len();
            requests.retain(|one| one.received_at >= page.since);
            let read = self.read(&mut aws).await;
            for request in &requests {
                let Ok(event) = &request.event else { continue };
                for name in &page.subscribers {
                    let key = (event.id, name.clone());
                    eligibility.entry(key).or_insert_with(|| {
                        let parameter = aws.parameters().get(name);
                        Eligibility::of(parameter, name, event, request.received_at)
                    });
                }
            }
            let view = Observations {
                names: &page.subscribers,
                requests: &requests,
                log: aws.log(),
                dead_letters: aws.dead_letters(),
                parameters: aws.parameters(),
                eligibility: &eligibility,
                modes: &self.modes(),
                schedule: &schedule,
            }
            .view();
            let interval = match view.is_changing(Timestamp::now()) {
                true => BUSY_INTERVAL,
                false => IDLE_INTERVAL,
            };
            self.publish(view, read.err().map(|error| chain(&error)));
            tokio::select! {
                () = page.receiver.wait_for_more_than(seen) => {}
                () = changed => {}
                () = tokio::time::sleep(interval) => {}
            }
        }
    }

    async fn read(&self, aws: &mut AwsState) -> Result<(), DeploymentError> {
        aws.read_parameters().await?;
        aws.read_log().await?;
        // A read hides the messages for a moment, so the queue is only read if a new message is expected.
        if self.current.borrow().view.has_failed_deliveries() {
            aws.read_dead_letters().await?;
        }
        Ok(())
    }

    /// Replaces the current view, if the new one differs.
    fn publish(&self, view: View, problem: Option<String>) {
        self.current.send_if_modified(|current| {
            let is_first = current.version == 0;
            let is_new = is_first || *current.view != view || current.problem != problem;
            if is_new {
                *current = VersionedView {
                    version: current.version + 1,
                    problem,
                    view: Arc::new(view),
                };
            }
            is_new
        });
    }

    fn modes(&self) -> MutexGuard<'_, HashMap<String, ReceiverMode>> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knows(&self, name: &str) -> bool {
        self.page.subscribers.iter().any(|one| one == name)
    }
}

type Site = State<Arc<Shared>>;

async fn index(State(shared): Site) -> Html<String> {
    let page = &shared.page;
    let delays: Vec<String> = page.retry_seconds.iter().map(u32::to_string).collect();
    let html = include_str!("page/page.html")
        .replace("{{admin}}", &page.admin)
        .replace("{{retry_seconds}}", &delays.join(", "))
        .replace("{{attempts}}", &(delays.len() + 1).to_string());
    Html(html)
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))],
        text,
    )
}

#[derive(Deserialize)]
struct After {
    after: u64,
}

async fn view(State(shared): Site, Query(After { after }): Query<After>) -> Json<VersionedView> {
    let mut current = shared.current.subscribe();
    let newer = current.wait_for(|current| current.version > after);
    // After a timeout the browser gets the same view again, and repeats its request.
    let _ = tokio::time::timeout(LONG_POLL_TIMEOUT, newer).await;
    let current = current.borrow().clone();
    Json(current)
}

/// Returns the stages of an event, which the database knows, and the arrival of each of its webhooks.
async fn timeline(State(shared): Site, Path(id): Path<Uuid>) -> Response {
    match Timeline::of(&shared.page.database, id).await {
        Ok(mut timeline) => {
            let requests = shared.page.receiver.all_requests();
            for request in requests.iter().filter(|one| event_id(one) == Some(id)) {
                let what = format!("webhook received by {}", request.subscriber);
                timeline.add(what, request.received_at);
            }
            Json(timeline.stages().collect::<Vec<_>>()).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, chain(&error)).into_response(),
    }
}

async fn set_mode(
    State(shared): Site,
    Path(name): Path<String>,
    Json(mode): Json<ReceiverMode>,
) -> StatusCode {
    if !shared.knows(&name) {
        return StatusCode::NOT_FOUND;
    }
    shared.page.receiver.answer_always(&name, mode.answer());
    shared.modes().insert(name, mode);
    shared.changed.notify_one();
    StatusCode::NO_CONTENT
}

async fn enable(State(shared): Site, Path(name): Path<String>) -> Response {
    if !shared.knows(&name) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let aws = AwsState::new(shared.page.deployment.clone(), shared.page.since);
    match aws.enable(&name).await {
        Ok(()) => {
            shared.changed.notify_one();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, chain(&error)).into_response(),
    }
}
