//! Lambda's Runtime API, as a function's processes see it. They all ask at one port: each has one invocation at a time.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::net::TcpListener;

use super::mapping::Mapping;

/// Serves the function that this mapping invokes; the address for `AWS_LAMBDA_RUNTIME_API`.
pub async fn serve(mapping: &Arc<Mapping>) -> io::Result<String> {
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

/// As long as the function's time limit in the template.
const TIMEOUT_MS: i64 = 30_000;

async fn next(State(mapping): State<Arc<Mapping>>) -> ([(HeaderName, String); 3], String) {
    let invocation = mapping.next().await;
    let deadline = Timestamp::now().as_millisecond() + TIMEOUT_MS;
    let header = |name, value| (HeaderName::from_static(name), value);
    let headers = [
        header("lambda-runtime-aws-request-id", invocation.id),
        header("lambda-runtime-deadline-ms", deadline.to_string()),
        header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:local".to_owned(),
        ),
    ];
    (headers, invocation.event.to_string())
}

async fn answer(
    State(mapping): State<Arc<Mapping>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    mapping.succeeded(&id, &body);
    StatusCode::ACCEPTED
}

async fn error(State(mapping): State<Arc<Mapping>>, Path(id): Path<String>) -> StatusCode {
    mapping.failed(&id);
    StatusCode::ACCEPTED
}
