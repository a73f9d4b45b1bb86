//! A function whose invocations fail, as a process of its own with the runtime and a fake of the runtime API.

use std::env;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc};

use super::without_timestamp;
use crate::telemetry::{exit_code, failed, init};

/// The variable that makes [`the_function_of_the_test_below`] a function.
const IS_FUNCTION: &str = "WAGRUN_TEST_IS_FUNCTION";

/// The function that the next test starts. It needs a process of its own, because `init` sets what is global.
#[test]
fn the_function_of_the_test_below() {
    if env::var_os(IS_FUNCTION).is_none() {
        return;
    }
    init();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let served = runtime.block_on(lambda_runtime::run(service_fn(
        async |event: LambdaEvent<Vec<String>>| match &*event.payload[0] {
            "panic" => panic!("an index out of bounds"),
            "fail" => Err(failed(
                "DrainFailed",
                &io::Error::other("the topic is gone"),
            )),
            _ => Ok(()),
        },
    )));
    let _ = exit_code(served);
}

#[tokio::test]
async fn an_invocation_that_fails_is_one_line_and_so_is_one_that_panics() -> Result<(), Error> {
    let (invoke, invocations) = mpsc::unbounded_channel();
    for payload in [
        json!(["fail"]),
        json!(["panic"]),
        json!({"not": "expected"}),
        json!(["end"]),
    ] {
        invoke.send(payload)?;
    }
    let (answered, mut answers) = mpsc::unbounded_channel();
    let runtime_api = Arc::new(RuntimeApi {
        invocations: Mutex::new(invocations),
        answered,
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let router = Router::new()
        .fallback(runtime_api_answer)
        .with_state(runtime_api);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let mut function = Command::new(env::current_exe()?);
    function
        .args([
            "--exact",
            "--nocapture",
            "telemetry::tests::process::the_function_of_the_test_below",
        ])
        .env_clear()
        .envs([
            (IS_FUNCTION, "yes"),
            ("AWS_LAMBDA_RUNTIME_API", &address),
            ("AWS_LAMBDA_FUNCTION_NAME", "test"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut function = function.spawn()?;
    for _ in 0..4 {
        let answer = tokio::time::timeout(Duration::from_secs(60), answers.recv()).await?;
        answer.ok_or("the runtime API is gone")?;
    }
    function.start_kill()?;
    let output = function.wait_with_output().await?;

    let stdout = String::from_utf8(output.stdout)?;
    let lines = stdout.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    let of_request = |id: &str| -> Vec<&Value> {
        lines
            .iter()
            .filter(|line| line["requestId"] == id)
            .collect()
    };
    let [failure] = of_request("1")[..] else {
        panic!("{stdout}");
    };
    assert_eq!(
        without_timestamp(failure.clone()),
        json!({
            "level": "ERROR", "message": "invocation failed", "requestId": "1",
            "error": "the topic is gone", "error.type": "DrainFailed",
        })
    );
    let [panicked] = of_request("2")[..] else {
        panic!("{stdout}");
    };
    assert_eq!(
        (&panicked["level"], &panicked["message"]),
        (&json!("ERROR"), &json!("function panicked"))
    );
    let error = panicked["error"].as_str().ok_or("no error")?;
    assert!(error.contains("an index out of bounds"), "{error}");
    // The runtime's own lines are not suppressed.
    let [undeserialized] = of_request("3")[..] else {
        panic!("{stdout}");
    };
    assert_eq!(undeserialized["level"], "ERROR");
    assert_eq!(lines.len(), 3, "{stdout}");
    let stderr = String::from_utf8(output.stderr)?;
    assert_eq!(stderr, "");
    Ok(())
}

/// A fake of Lambda's runtime API, with the invocations to hand out.
struct RuntimeApi {
    invocations: Mutex<mpsc::UnboundedReceiver<Value>>,
    answered: mpsc::UnboundedSender<()>,
}

async fn runtime_api_answer(State(api): State<Arc<RuntimeApi>>, uri: Uri) -> Response {
    if !uri.path().ends_with("/invocation/next") {
        let _ = api.answered.send(());
        return StatusCode::ACCEPTED.into_response();
    }
    let mut invocations = api.invocations.lock().await;
    let left = invocations.len();
    match invocations.try_recv() {
        Ok(payload) => {
            let headers = [
                ("lambda-runtime-aws-request-id", (5 - left).to_string()),
                ("lambda-runtime-deadline-ms", "4000000000000".to_owned()),
                (
                    "lambda-runtime-invoked-function-arn",
                    "arn:aws:lambda:eu-central-1:1:function:test".to_owned(),
                ),
            ];
            (headers, payload.to_string()).into_response()
        }
        Err(_) => std::future::pending().await,
    }
}
