//! A receiver that listens, and keeps the requests that came.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use tokio::net::TcpListener;

/// Listens on a free port, and keeps the requests that came.
pub struct Receiver {
    pub origin: String,
    received: Arc<Mutex<Vec<(Uri, HeaderMap, Bytes)>>>,
    methods: Arc<Mutex<Vec<Method>>>,
}

impl Receiver {
    /// Answers every request with this.
    pub async fn answering(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            origin: format!("http://{}", listener.local_addr().unwrap()),
            received: Arc::default(),
            methods: Arc::default(),
        };
        let received = Arc::clone(&receiver.received);
        let methods = Arc::clone(&receiver.methods);
        let handler = async move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            lock(&methods).push(method);
            lock(&received).push((uri, headers, body));
            answer()
        };
        let router = Router::new().fallback(handler);
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub fn received(&self) -> Vec<(Uri, HeaderMap, Bytes)> {
        lock(&self.received).clone()
    }

    pub fn methods(&self) -> Vec<Method> {
        lock(&self.methods).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
