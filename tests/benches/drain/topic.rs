//! A stand-in for SNS that accepts each entry of `PublishBatch` at once or after a fixed time.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use tokio::net::TcpListener;

/// The topic, and the number of events that it has accepted.
pub struct Topic {
    pub endpoint: String,
    accepted: Arc<AtomicUsize>,
}

impl Topic {
    /// Starts a topic on a free port, which takes this time for a call.
    pub async fn start(latency: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let accepted = Arc::new(AtomicUsize::new(0));
        let router = Router::new()
            .fallback(publish_batch)
            .with_state((Arc::clone(&accepted), latency));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { endpoint, accepted })
    }

    /// Returns the number of accepted events since the last call of this function.
    pub fn take_accepted(&self) -> usize {
        self.accepted.swap(0, Ordering::Relaxed)
    }
}

async fn publish_batch(
    State((accepted, latency)): State<(Arc<AtomicUsize>, Duration)>,
    body: String,
) -> String {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    // Each entry has one `Id`. Both clients number their entries from 0.
    let entries = body.matches(".Id=").count();
    accepted.fetch_add(entries, Ordering::Relaxed);
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
