//! A stand-in for SNS that accepts each entry of `PublishBatch` at once or after a fixed time, and may keep the messages.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use tokio::net::TcpListener;
use url::form_urlencoded;

/// The topic, and the number of events that it has accepted.
pub struct Topic {
    pub endpoint: String,
    state: Arc<Accepted>,
}

#[derive(Default)]
struct Accepted {
    latency: Duration,
    count: AtomicUsize,
    /// The texts of the messages, where they are kept.
    messages: Option<Mutex<Vec<String>>>,
}

impl Topic {
    /// Starts a topic on a free port, which takes this time for a call.
    pub async fn start(latency: Duration) -> io::Result<Self> {
        Self::serve(Accepted {
            latency,
            ..Accepted::default()
        })
        .await
    }

    /// Starts a topic that answers at once and keeps the messages.
    #[allow(dead_code, reason = "each bench has its own use of this module")]
    pub async fn keeping() -> io::Result<Self> {
        Self::serve(Accepted {
            messages: Some(Mutex::default()),
            ..Accepted::default()
        })
        .await
    }

    async fn serve(state: Accepted) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(state);
        let router = Router::new()
            .fallback(publish_batch)
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { endpoint, state })
    }

    /// Returns the number of accepted events since they were taken.
    #[allow(dead_code, reason = "each bench has its own use of this module")]
    pub fn accepted(&self) -> usize {
        self.state.count.load(Ordering::Relaxed)
    }

    /// Returns the number of accepted events since the last call of this function.
    #[allow(dead_code, reason = "each bench has its own use of this module")]
    pub fn take_accepted(&self) -> usize {
        self.state.count.swap(0, Ordering::Relaxed)
    }

    /// Returns the messages that were kept since the last call of this function, in the order of their arrival.
    #[allow(dead_code, reason = "each bench has its own use of this module")]
    pub fn take_messages(&self) -> Vec<String> {
        let messages = self.state.messages.as_ref();
        let taken = messages
            .map(|kept| std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)));
        taken.unwrap_or_default()
    }
}

async fn publish_batch(State(state): State<Arc<Accepted>>, body: String) -> String {
    if !state.latency.is_zero() {
        tokio::time::sleep(state.latency).await;
    }
    if let Some(kept) = &state.messages {
        let fields = form_urlencoded::parse(body.as_bytes());
        let messages = fields.filter(|(name, _)| name.ends_with(".Message"));
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(messages.map(|(_, message)| message.into_owned()));
    }
    // Each entry has one `Id`. Both clients number their entries from 0.
    let entries = body.matches(".Id=").count();
    state.count.fetch_add(entries, Ordering::Relaxed);
    let mut answer = String::from(
        "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishBatchResult><Successful>",
    );
    for id in 0..entries {
        let _ = write!(
            answer,
            "<member><Id>{id}</Id><MessageId>00000000-0000-0000-0000-000000000000</MessageId>\
             <SequenceNumber>10000000000000003000</SequenceNumber></member>"
        );
    }
    answer += "</Successful><Failed/></PublishBatchResult>\
               <ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></PublishBatchResponse>";
    answer
}
