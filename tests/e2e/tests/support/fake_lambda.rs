//! A Lambda API on a port of its own, which remembers who rang and answers as a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use tokio::net::TcpListener;

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub enum Mood {
    /// As Lambda does.
    Accepting,
    /// With this status.
    Answering(u16),
    /// Not at all, for longer than anybody waits.
    Hanging,
}

/// Each call's path and payload, in the order in which they came.
pub type Calls = Arc<Mutex<Vec<(String, String)>>>;

pub struct FakeLambda {
    pub endpoint: String,
    pub calls: Calls,
}

impl FakeLambda {
    pub async fn start(mood: Mood) -> Self {
        let calls = Calls::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .fallback(answer)
            .with_state((mood, calls.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, calls }
    }

    pub fn calls(&self) -> Vec<(String, String)> {
        self.calls.lock().unwrap().clone()
    }
}

async fn answer(State((mood, calls)): State<(Mood, Calls)>, uri: Uri, body: Bytes) -> StatusCode {
    let call = (
        uri.path().to_owned(),
        String::from_utf8_lossy(&body).into_owned(),
    );
    calls.lock().unwrap().push(call);
    match mood {
        Mood::Accepting => StatusCode::ACCEPTED,
        Mood::Answering(status) => StatusCode::from_u16(status).unwrap(),
        Mood::Hanging => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::ACCEPTED
        }
    }
}
