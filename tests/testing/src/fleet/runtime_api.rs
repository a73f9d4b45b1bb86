//! Lambda's Runtime API, for the processes of one function. They share one port, and each has one invocation at a time.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use super::mapping::EventSourceMapping;

/// Serves the function that this mapping invokes, and returns the address for `AWS_LAMBDA_RUNTIME_API`.
pub async fn serve(mapping: &Arc<EventSourceMapping>) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .with_state(Arc::clone(mapping));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// The timeout of the function in the template.
const FUNCTION_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

async fn next(State(mapping): State<Arc<EventSourceMapping>>) -> (InvocationHeaders, String) {
    let invocation = mapping.next().await;
    let headers = invocation_headers(invocation.id, FUNCTION_TIMEOUT);
    (headers, invocation.event.to_string())
}

/// The headers of an invocation.
pub type InvocationHeaders = [(HeaderName, String); 3];

/// Returns the headers with which the Runtime API hands out an invocation.
pub fn invocation_headers(id: String, time_limit: SignedDuration) -> InvocationHeaders {
    let deadline = (Timestamp::now() + time_limit).as_millisecond();
    let header = |name, value| (HeaderName::from_static(name), value);
    [
        header("lambda-runtime-aws-request-id", id),
        header("lambda-runtime-deadline-ms", deadline.to_string()),
        header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:local".to_owned(),
        ),
    ]
}

async fn answer(
    State(mapping): State<Arc<EventSourceMapping>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    mapping.succeeded(&id, &body);
    StatusCode::ACCEPTED
}

async fn error(
    State(mapping): State<Arc<EventSourceMapping>>,
    Path(id): Path<String>,
) -> StatusCode {
    mapping.failed(&id);
    StatusCode::ACCEPTED
}
