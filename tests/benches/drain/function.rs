//! One copy of a function, with a Runtime API that invokes it whenever the benchmark asks.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use jiff::SignedDuration;
use serde_json::Value;
use testing::fleet::programs::{Program, Usage, usage};
use testing::fleet::runtime_api::{InvocationHeaders, invocation_headers};
use testing::process::{Process, Supervisor};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The longest time of a start.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest time of an invocation.
const TIMEOUT: Duration = Duration::from_secs(300);

/// The time limit that the function is told.
const TIME_LIMIT: SignedDuration = SignedDuration::from_secs(900);

/// A running copy.
pub struct Function {
    process: Process,
    requests: mpsc::UnboundedSender<Request>,
    starts: mpsc::UnboundedReceiver<()>,
    started: Instant,
}

/// An invocation, and the place for its result.
struct Request {
    event: String,
    result: oneshot::Sender<Result<(), String>>,
}

struct Api {
    requests: tokio::sync::Mutex<mpsc::UnboundedReceiver<Request>>,
    starts: mpsc::UnboundedSender<()>,
    in_progress: Mutex<Option<oneshot::Sender<Result<(), String>>>>,
}

impl Function {
    /// Starts a copy. Its program calls AWS at `endpoint`.
    pub async fn start(
        supervisor: &Supervisor,
        name: &'static str,
        command: Vec<PathBuf>,
        endpoint: &str,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self, Box<dyn Error>> {
        let (requests, receiver) = mpsc::unbounded_channel();
        let (starts, started_receiver) = mpsc::unbounded_channel();
        let runtime_api = serve(Api {
            requests: tokio::sync::Mutex::new(receiver),
            starts,
            in_progress: Mutex::default(),
        })
        .await?;
        let program = Program {
            name,
            command,
            runtime_api,
            endpoint: endpoint.to_owned(),
            environment,
        };
        let started = Instant::now();
        let process = program.start(supervisor, 0)?;
        Ok(Self {
            process,
            requests,
            starts: started_receiver,
            started,
        })
    }

    /// Waits until the function has asked for its first invocation. Returns the time since its start.
    pub async fn ready(&mut self) -> Result<Duration, Box<dyn Error>> {
        let first = timeout(START_TIMEOUT, self.starts.recv()).await;
        match first {
            Ok(Some(())) => Ok(self.started.elapsed()),
            _ => {
                self.process.check()?;
                Err("the function asks for no invocation".into())
            }
        }
    }

    /// Invokes the function, and returns the time until its answer.
    pub async fn invoke(&self, event: &Value) -> Result<Duration, Box<dyn Error>> {
        let (result, answered) = oneshot::channel();
        let event = event.to_string();
        let began = Instant::now();
        self.requests
            .send(Request { event, result })
            .map_err(|_| "the Runtime API has ended")?;
        match timeout(TIMEOUT, answered).await {
            Ok(Ok(Ok(()))) => Ok(began.elapsed()),
            Ok(Ok(Err(error))) => Err(error.into()),
            _ => Err("the function did not answer".into()),
        }
    }

    /// Returns the resources that the function has used so far.
    pub fn usage(&self) -> io::Result<Usage> {
        usage(&self.process)
    }

    /// Ends the copy.
    pub async fn stop(self) -> Result<(), Box<dyn Error>> {
        Ok(self.process.kill().await?)
    }
}

async fn serve(api: Api) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .with_state(Arc::new(api));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn next(State(api): State<Arc<Api>>) -> Result<(InvocationHeaders, String), StatusCode> {
    let _ = api.starts.send(());
    let request = api.requests.lock().await.recv().await;
    let request = request.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    *api.in_progress
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some(request.result);
    let headers = invocation_headers("benchmark".to_owned(), TIME_LIMIT);
    Ok((headers, request.event))
}

async fn answer(State(api): State<Arc<Api>>, Path(_): Path<String>) -> StatusCode {
    end(&api, Ok(()))
}

async fn error(State(api): State<Arc<Api>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    end(&api, Err(String::from_utf8_lossy(&body).into_owned()))
}

fn end(api: &Api, result: Result<(), String>) -> StatusCode {
    let waiting = api
        .in_progress
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(waiting) = waiting {
        let _ = waiting.send(result);
    }
    StatusCode::ACCEPTED
}
