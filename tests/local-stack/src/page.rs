//! The page on which one watches events and their deliveries, and tells receivers to fail.
//!
//! It asks `/board?after=<version>` and is answered when there is a newer one. The board is made of what the receiver got
//! and of what AWS knows; the database is asked for an event's timeline when somebody opens it and never in between, so
//! that one can watch that wagrun holds no connection.

mod backstage;
mod board;
mod fate;
mod mode;
#[cfg(test)]
mod tests;

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

use backstage::Backstage;
use board::{Board, Concern, Known};
use fate::event_id;
use mode::Mode;

/// The subscriber that receives every event for the page itself; nobody can make it fail.
pub const OBSERVER: &str = "page";
/// How long a browser's question may stay open; shorter than any proxy's patience.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at the log while something is under way, and while nothing is.
const BUSY_PAUSE: Duration = Duration::from_millis(500);
const IDLE_PAUSE: Duration = Duration::from_secs(10);

/// What the page shows, and where it looks it up.
#[derive(Debug, Clone)]
pub struct Page {
    /// Whose requests.
    pub receiver: Arc<Receiver>,
    /// Where deliver and the subscribers are.
    pub deployment: Deployment,
    /// The subscribers that can be told to fail, in the order in which they stand; [`OBSERVER`] is one more.
    pub subscribers: Vec<String>,
    /// The waits that deliver was deployed with, in seconds.
    pub waits: Vec<u32>,
    /// What was before does not matter.
    pub since: Timestamp,
    /// The database, as the schema's owner.
    pub database: String,
    /// The Wagtail admin, which the page links to.
    pub admin: String,
}

/// A board and its number; when it is redrawn, the number grows.
#[derive(Debug, Clone, Serialize)]
struct Drawn {
    version: u64,
    /// Why AWS could not be asked, if it could not.
    problem: Option<String>,
    board: Arc<Board>,
}

#[derive(Debug)]
struct Shared {
    page: Page,
    modes: Mutex<HashMap<String, Mode>>,
    drawn: watch::Sender<Drawn>,
    /// Somebody has changed something.
    changed: Notify,
}

impl Page {
    /// Binds the page to a free port of 127.0.0.1, and returns where it is with the server that has to be awaited.
    pub async fn bind(
        self,
    ) -> io::Result<(SocketAddr, impl Future<Output = io::Result<()>> + Send)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let drawn = Drawn {
            version: 0,
            problem: None,
            board: Arc::new(Board {
                subscribers: Vec::new(),
                events: Vec::new(),
            }),
        };
        let shared = Arc::new(Shared {
            page: self,
            modes: Mutex::default(),
            drawn: watch::Sender::new(drawn),
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
            .route("/board", get(board))
            .route("/events/{id}/timeline", get(timeline))
            .route("/subscribers/{name}/mode", post(set_mode))
            .route("/subscribers/{name}/enable", post(enable))
            .with_state(Arc::clone(&shared));
        Ok((address, async move {
            tokio::select! {
                served = axum::serve(listener, app) => served,
                never = shared.watch() => match never {},
            }
        }))
    }
}

impl Shared {
    /// Redraws the board whenever something has happened.
    async fn watch(&self) -> std::convert::Infallible {
        let page = &self.page;
        let mut backstage = Backstage::new(page.deployment.clone(), page.since);
        let mut concerns = HashMap::new();
        let schedule = RetrySchedule::new(page.waits.clone());
        loop {
            let changed = self.changed.notified();
            let mut deliveries = page.receiver.deliveries_after(0);
            let seen = deliveries.len();
            deliveries.retain(|one| one.received_at >= page.since);
            let read = self.read(&mut backstage).await;
            for delivery in &deliveries {
                let Ok(event) = &delivery.event else { continue };
                for name in &page.subscribers {
                    concerns.entry((event.id, name.clone())).or_insert_with(|| {
                        let member = backstage.members().get(name);
                        Concern::of(member, name, event, delivery.received_at)
                    });
                }
            }
            let board = Board::of(&Known {
                names: &page.subscribers,
                deliveries: &deliveries,
                log: backstage.log(),
                dead: backstage.dead(),
                members: backstage.members(),
                concerns: &concerns,
                modes: &self.modes(),
                schedule: &schedule,
            });
            let pause = if board.is_moving(Timestamp::now()) {
                BUSY_PAUSE
            } else {
                IDLE_PAUSE
            };
            self.draw(board, read.err().map(|error| chain(&error)));
            tokio::select! {
                () = page.receiver.more_than(seen) => {}
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn read(&self, backstage: &mut Backstage) -> Result<(), DeploymentError> {
        backstage.read_members().await?;
        backstage.read_log().await?;
        // Only what has failed can be there, and looking hides it for a moment.
        if self.drawn.borrow().board.has_last_failures() {
            backstage.read_dead_letters().await?;
        }
        Ok(())
    }

    fn draw(&self, board: Board, problem: Option<String>) {
        self.drawn.send_if_modified(|drawn| {
            let is_new = *drawn.board != board || drawn.problem != problem || drawn.version == 0;
            if is_new {
                *drawn = Drawn {
                    version: drawn.version + 1,
                    problem,
                    board: Arc::new(board),
                };
            }
            is_new
        });
    }

    fn modes(&self) -> MutexGuard<'_, HashMap<String, Mode>> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knows(&self, name: &str) -> bool {
        self.page.subscribers.iter().any(|one| one == name)
    }
}

type Site = State<Arc<Shared>>;

async fn index(State(shared): Site) -> Html<String> {
    let page = &shared.page;
    let waits: Vec<String> = page.waits.iter().map(u32::to_string).collect();
    let html = include_str!("page/page.html")
        .replace("{{admin}}", &page.admin)
        .replace("{{waits}}", &waits.join(", "))
        .replace("{{attempts}}", &(waits.len() + 1).to_string());
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

async fn board(State(shared): Site, Query(After { after }): Query<After>) -> Json<Drawn> {
    let mut drawn = shared.drawn.subscribe();
    // Nothing new is an answer as well: the page asks again.
    let _ = tokio::time::timeout(PATIENCE, drawn.wait_for(|drawn| drawn.version > after)).await;
    let drawn = drawn.borrow().clone();
    Json(drawn)
}

/// The stages of an event up to each of its webhooks; asks the database.
async fn timeline(State(shared): Site, Path(id): Path<Uuid>) -> Response {
    match Timeline::of(&shared.page.database, id).await {
        Ok(mut timeline) => {
            let deliveries = shared.page.receiver.deliveries_after(0);
            for delivery in deliveries.iter().filter(|one| event_id(one) == Some(id)) {
                let what = format!("webhook received by {}", delivery.subscriber);
                timeline.add(what, delivery.received_at);
            }
            Json(timeline.stages().collect::<Vec<_>>()).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, chain(&error)).into_response(),
    }
}

async fn set_mode(
    State(shared): Site,
    Path(name): Path<String>,
    Json(mode): Json<Mode>,
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
    let backstage = Backstage::new(shared.page.deployment.clone(), shared.page.since);
    match backstage.enable(&name).await {
        Ok(()) => {
            shared.changed.notify_one();
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, chain(&error)).into_response(),
    }
}
