//! Tests of the replacement of `aws_lambda`.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Row as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::fixture::{Fixture, one};
use crate::postgres::*;

/// Starts a fake of Lambda for one request. Returns its address, and the request after `answer` was sent.
async fn lambda_once(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).await.unwrap();
            request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            let (head, body) = request.split_once("\r\n\r\n").unwrap_or((&request, ""));
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "))
                .map_or(usize::MAX, |length| length.parse().unwrap());
            if body.len() >= length {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    });
    (endpoint, request)
}

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

/// Returns the message and the detail of an error that the server raised.
fn raised(error: &sqlx::Error) -> (String, String) {
    let error = error
        .as_database_error()
        .unwrap()
        .downcast_ref::<sqlx::postgres::PgDatabaseError>();
    (
        error.message().to_owned(),
        error.detail().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn invoke_accepts_named_arguments_and_carries_any_character() {
    let fixture = Fixture::start("named").await;
    let (endpoint, request) = lambda_once(ACCEPTED).await;
    let mut master = fixture.with_endpoint(&endpoint).await;
    let row = one(
        &mut master,
        r#"select status_code, payload::text, executed_version from aws_lambda.invoke(
            function_name => 'arn:aws:lambda:us-east-1:000000000000:function:it''s $(id) `id` "x"'::text,
            payload => jsonb_build_object('text', E'%L ''"\\ $HOME `id` ; \n\t é 🦀 \\.'),
            invocation_type => 'Event')"#,
    )
    .await
    .unwrap();
    assert_eq!(row.get::<i32, _>(0), 202);
    assert_eq!(row.get::<Option<String>, _>(1), None);

    let request = request.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with(
            // As the SDK writes it.
            "POST /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ait%27s%20%24%28id%29%20%60id%60%20%22x%22/invocations HTTP/1.1\r\n"
        ),
        "{head}"
    );
    assert!(head.contains("\r\nX-Amz-Invocation-Type: Event\r\n"));
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        body["text"],
        "%L '\"\\ $HOME `id` ; \n\t \u{e9} \u{1f980} \\."
    );
}

#[tokio::test]
async fn all_four_overloads_have_aurora_s_order_of_arguments() {
    let fixture = Fixture::start("overloads").await;
    let answer =
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Amz-Executed-Version: 3\r\n\r\n{\"a\": [1]}";
    for call in [
        // With a name as text the third argument is the region, with the composite type it is the invocation type.
        "select * from aws_lambda.invoke('f'::text, '{}'::json, 'eu-west-1', 'RequestResponse')",
        "select * from aws_lambda.invoke('f'::text, '{}'::jsonb, 'eu-west-1', 'RequestResponse')",
        "select * from aws_lambda.invoke(aws_commons.create_lambda_function_arn('f', 'eu-west-1'), '{}'::json, 'RequestResponse')",
        "select * from aws_lambda.invoke(aws_commons.create_lambda_function_arn('f', 'eu-west-1'), '{}'::jsonb, 'RequestResponse')",
    ] {
        let (endpoint, request) = lambda_once(answer).await;
        let mut master = fixture.with_endpoint(&endpoint).await;
        let row = sqlx::raw_sql(AssertSqlSafe(format!(
            "select status_code, payload ->> 'a', executed_version from ({call}) answer"
        )))
        .fetch_one(&mut master)
        .await
        .unwrap();
        assert_eq!(row.get::<i32, _>(0), 200, "{call}");
        assert_eq!(row.get::<String, _>(1), "[1]", "{call}");
        assert_eq!(row.get::<String, _>(2), "3", "{call}");
        let request = request.await.unwrap();
        assert!(
            request.starts_with("POST /2015-03-31/functions/f/invocations "),
            "{request}"
        );
        assert!(request.contains("/eu-west-1/lambda/"), "{request}");
        assert!(
            request.contains("X-Amz-Invocation-Type: RequestResponse"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_failing_lambda_raises_aurora_s_errors() {
    let fixture = Fixture::start("failing").await;
    let call = "select aws_lambda.invoke('f'::text, '{}'::jsonb, invocation_type => 'Event')";
    let detail = async |endpoint: &str| {
        let started = Instant::now();
        let mut master = fixture.with_endpoint(endpoint).await;
        let error = one(&mut master, call).await.unwrap_err();
        let (message, detail) = raised(&error);
        assert_eq!(message, "invoke API failed");
        (detail, started.elapsed())
    };

    let unable = "AWS Lambda client returned 'Unable to connect to endpoint'.";
    assert_eq!(detail("").await.0, unable, "no endpoint");
    let refused = format!("http://127.0.0.1:{}", free_port().unwrap());
    assert_eq!(detail(&refused).await.0, unable, "no program listens");

    let (endpoint, _request) =
        lambda_once("HTTP/1.1 500 Oops\r\nContent-Length: 19\r\n\r\n{\"message\": \"Oops\"}").await;
    assert_eq!(
        detail(&endpoint).await.0,
        "AWS Lambda client returned 'Oops'."
    );

    let (endpoint, _request) = lambda_once("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(
        detail(&endpoint).await.0,
        "AWS Lambda client returned 'HTTP response code: 503'."
    );

    // The listener accepts and does not answer. The default timeout is three seconds.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = format!("http://{}", listener.local_addr().unwrap());
    let (said, took) = detail(&hanging).await;
    assert_eq!(
        said,
        "AWS Lambda client returned 'Request timeout has been reached'."
    );
    assert!(took >= Duration::from_secs(3), "took only {took:?}");

    // As far as is known, Aurora does the same: a role that is not a superuser can set it, but not store it in a function.
    let mut master = fixture.with_endpoint(&hanging).await;
    let stored = "create function ring() returns int language sql set aws_lambda.request_timeout_ms = '300' as 'select 1'";
    let refused = one(&mut master, stored).await.unwrap_err();
    assert_eq!(
        raised(&refused).0,
        "permission denied to set parameter \"aws_lambda.request_timeout_ms\""
    );
    execute_in(&mut master, "set aws_lambda.request_timeout_ms = '300'").await;
    let started = Instant::now();
    one(&mut master, call).await.unwrap_err();
    let took = started.elapsed();
    assert!(
        took < Duration::from_secs(3),
        "took {took:?}: the default instead of the session's own"
    );
}

#[tokio::test]
async fn an_error_of_the_function_has_its_own_message() {
    let fixture = Fixture::start("unhandled").await;
    let (endpoint, _request) = lambda_once(
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Amz-Function-Error: Unhandled\r\n\r\n\"why\"  ",
    )
    .await;
    let mut master = fixture.with_endpoint(&endpoint).await;
    let error = one(
        &mut master,
        "select aws_lambda.invoke('f'::text, '{}'::jsonb)",
    )
    .await
    .unwrap_err();
    let (message, detail) = raised(&error);
    assert_eq!(message, "lambda invocation failed");
    assert!(
        detail.starts_with("\"f\" returned error \"Unhandled\", details: "),
        "{detail}"
    );
}

#[tokio::test]
async fn a_role_needs_a_grant_to_invoke() {
    let fixture = Fixture::start("grants").await;
    let (endpoint, _request) = lambda_once(ACCEPTED).await;
    let mut master = fixture.with_endpoint(&endpoint).await;
    execute_in(&mut master, "create role caller login").await;
    let call = "select aws_lambda.invoke('f'::text, '{}'::jsonb, invocation_type => 'Event')";

    let as_caller = fixture.postgres.url_as("caller", "site");
    let mut caller = PgConnection::connect(&as_caller).await.unwrap();
    let error = one(&mut caller, call).await.unwrap_err();
    assert_eq!(raised(&error).0, "permission denied for schema aws_lambda");
    execute_in(&mut master, "grant usage on schema aws_lambda to caller").await;
    let error = one(&mut caller, call).await.unwrap_err();
    assert_eq!(raised(&error).0, "permission denied for function invoke");
    execute_in(
        &mut master,
        "grant execute on function aws_lambda.invoke(text, jsonb, text, text, text, jsonb, varchar) to caller",
    )
    .await;
    one(&mut caller, call).await.unwrap();
}

async fn execute_in(connection: &mut PgConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}
