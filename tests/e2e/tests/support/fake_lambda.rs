//! A fake Lambda API on a port of its own. It records the invocations and answers as a test sets it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use tokio::net::TcpListener;

/// The answer to every invocation.
#[derive(Debug, Clone, Copy)]
pub enum LambdaBehavior {
    /// 202, as Lambda answers an asynchronous invocation.
    Accepts,
    /// This HTTP status.
    AnswersWith(u16),
    /// No answer for a minute, which is longer than every caller waits.
    Hangs,
}

/// The path and the payload of each invocation, in the order of arrival.
type Calls = Arc<Mutex<Vec<(String, String)>>>;

/// The running API.
pub struct FakeLambda {
    pub endpoint: String,
    calls: Calls,
}

impl FakeLambda {
    /// Starts the API on a free port.
    pub async fn start(behavior: LambdaBehavior) -> Self {
        let calls = Calls::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state((behavior, calls.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, calls }
    }

    /// Returns the invocations so far.
    pub fn calls(&self) -> Vec<(String, String)> {
        self.calls.lock().unwrap().clone()
    }
}

async fn answer(
    State((behavior, calls)): State<(LambdaBehavior, Calls)>,
    uri: Uri,
    body: Bytes,
) -> StatusCode {
    let call = (
        uri.path().to_owned(),
        String::from_utf8_lossy(&body).into_owned(),
    );
    calls.lock().unwrap().push(call);
    match behavior {
        LambdaBehavior::Accepts => StatusCode::ACCEPTED,
        LambdaBehavior::AnswersWith(status) => StatusCode::from_u16(status).unwrap(),
        LambdaBehavior::Hangs => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::ACCEPTED
        }
    }
}
