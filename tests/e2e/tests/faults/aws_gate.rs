//! The port of one copy of a function: Lambda's Runtime API, and the services of AWS with their faults.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use jiff::Timestamp;
use serde_json::Value;
use testing::bucket_in_memory::Conditions;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::aws_faults::{AwsFault, LATE, error_answer, take_entries};
use super::function_copy::FunctionCopy;
use super::kill_plan::Moment;
use super::world::{Answer, Call};

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
    let header = |name: &str| {
        let value = headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let operation = match header("x-amz-target") {
        Some(operation) => operation,
        None if path == "/" => "SNS.PublishBatch".to_owned(),
        None => format!("S3.{method}"),
    };
    let request = Call {
        operation: operation.clone(),
        method: method.to_string(),
        path: path.to_owned(),
        conditions: Conditions {
            if_match: header("if-match"),
            if_none_match: header("if-none-match"),
        },
    };
    if copy.strike(&operation, Moment::Before).await {
        return response(StatusCode::INTERNAL_SERVER_ERROR, String::new());
    }
    if operation.starts_with("SNS") {
        copy.world.arrive_at_topic().await;
    }
    let answer = call(&copy, &request, &body).await;
    copy.strike(&operation, Moment::After).await;
    let mut response = Response::builder().status(answer.status);
    if let Some(etag) = answer.etag {
        response = response.header("etag", etag);
    }
    response.body(Body::from(answer.body)).unwrap()
}

/// Executes a call, with or without a fault.
async fn call(copy: &FunctionCopy, call: &Call, body: &[u8]) -> Answer {
    let (world, operation) = (&copy.world, call.operation.as_str());
    let execute = || world.execute(call, body);
    let Some((fault, choice)) = world.aws_faults.next(operation) else {
        return execute();
    };
    match fault {
        AwsFault::Throttled | AwsFault::Failed => error_answer(operation, fault).into(),
        AwsFault::DoneAndFailed => {
            execute();
            error_answer(operation, fault).into()
        }
        AwsFault::Late => {
            let answer = execute();
            tokio::time::sleep(LATE).await;
            answer
        }
        AwsFault::EntriesFailed if operation.starts_with("SNS") => {
            world.publish(body, choice).into()
        }
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
                let rest = world.execute(call, rest.as_bytes());
                answer = serde_json::from_str(&rest.body).unwrap();
            }
            let all = answer["Failed"].as_array_mut().unwrap();
            all.extend(failed);
            (StatusCode::OK, answer.to_string()).into()
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
