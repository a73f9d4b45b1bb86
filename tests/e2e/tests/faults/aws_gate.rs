//! The port of one copy of a function: Lambda's Runtime API, and the services of AWS with their faults.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::aws_faults::{AwsFault, LATE, error_answer, take_entries};
use super::function_copy::FunctionCopy;
use super::kill_plan::Moment;

const RUNTIME: &str = "/2018-06-01/runtime/";

/// Serves a copy on a free port, and returns the address.
pub async fn serve(copy: &Arc<FunctionCopy>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new().fallback(answer).with_state(Arc::clone(copy));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn answer(
    State(copy): State<Arc<FunctionCopy>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if let Some(request) = path.strip_prefix(RUNTIME) {
        return runtime(&copy, request, &body).await;
    }
    let target = headers.get("x-amz-target");
    let target = target.and_then(|value| value.to_str().ok());
    let operation = match target {
        Some(operation) => operation.to_owned(),
        None if path == "/" => "SNS.PublishBatch".to_owned(),
        None => format!("S3.{method}"),
    };
    if copy.strike(&operation, Moment::Before).await {
        return response(StatusCode::INTERNAL_SERVER_ERROR, String::new());
    }
    if operation.starts_with("SNS") {
        copy.world.arrive_at_topic().await;
    }
    let (status, answer) = call(&copy, &operation, method.as_str(), path, &body).await;
    copy.strike(&operation, Moment::After).await;
    response(status, answer)
}

/// Executes a call, with or without a fault.
async fn call(
    copy: &FunctionCopy,
    operation: &str,
    method: &str,
    path: &str,
    body: &[u8],
) -> (StatusCode, String) {
    let world = &copy.world;
    let execute = || world.execute(operation, method, path, body);
    let Some((fault, choice)) = world.aws_faults.next(operation) else {
        return execute();
    };
    match fault {
        AwsFault::Throttled | AwsFault::Failed => error_answer(operation, fault),
        AwsFault::DoneAndFailed => {
            execute();
            error_answer(operation, fault)
        }
        AwsFault::Late => {
            let answer = execute();
            tokio::time::sleep(LATE).await;
            answer
        }
        AwsFault::EntriesFailed if operation.starts_with("SNS") => world.publish(body, choice),
        AwsFault::EntriesFailed => {
            let mut request: Value = serde_json::from_slice(body).unwrap_or_default();
            let failed = take_entries(&mut request, choice);
            if failed.is_empty() {
                return execute();
            }
            let rest = request.to_string();
            let mut answer = serde_json::json!({"Successful": [], "Failed": []});
            if request["Entries"]
                .as_array()
                .is_some_and(|rest| !rest.is_empty())
            {
                let (_, text) = world.execute(operation, method, path, rest.as_bytes());
                answer = serde_json::from_str(&text).unwrap();
            }
            let all = answer["Failed"].as_array_mut().unwrap();
            all.extend(failed);
            (StatusCode::OK, answer.to_string())
        }
    }
}

/// Answers a request to Lambda's Runtime API.
async fn runtime(copy: &FunctionCopy, request: &str, body: &[u8]) -> Response<Body> {
    let invocations = &copy.function.invocations;
    let Some((id, end)) = request
        .strip_prefix("invocation/")
        .and_then(|rest| rest.split_once('/'))
    else {
        if request != "invocation/next" {
            return response(StatusCode::ACCEPTED, String::new());
        }
        let invocation = invocations.next().await;
        let deadline =
            Timestamp::now() + jiff::SignedDuration::try_from(deadline_of(copy)).unwrap();
        let started = (invocation.id.clone(), Instant::now());
        copy.current.lock().unwrap().replace(started);
        return Response::builder()
            .header("lambda-runtime-aws-request-id", invocation.id)
            .header(
                "lambda-runtime-deadline-ms",
                deadline.as_millisecond().to_string(),
            )
            .header(
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:us-east-1:000000000000:function:local",
            )
            .body(Body::from(invocation.event.to_string()))
            .unwrap();
    };
    if copy.strike("Lambda.Answer", Moment::Before).await {
        return response(StatusCode::INTERNAL_SERVER_ERROR, String::new());
    }
    copy.current.lock().unwrap().take();
    invocations.end(id, (end == "response").then_some(body));
    copy.strike("Lambda.Answer", Moment::After).await;
    response(StatusCode::ACCEPTED, String::new())
}

fn deadline_of(copy: &FunctionCopy) -> Duration {
    copy.function.timeout
}

fn response(status: StatusCode, body: String) -> Response<Body> {
    Response::builder()
        .status(status)
        .body(Body::from(body))
        .unwrap()
}
