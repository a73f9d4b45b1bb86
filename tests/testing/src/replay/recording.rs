//! Records the requests of tests to AWS. A replaced AWS accepts any request, so `tools/check_requests.py` compares the records
//! with the models of AWS after all tests.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::base64;
use serde_json::json;

/// The file of this test program. A line is written as a whole.
static FILE: LazyLock<Mutex<File>> = LazyLock::new(|| {
    let directory = crate::checkout().join(".local/requests");
    std::fs::create_dir_all(&directory).expect("a directory for the recorded requests");
    let name = format!("requests-{}-{}.jsonl", package(), std::process::id());
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.join(name));
    Mutex::new(file.expect("a file for the recorded requests"))
});

/// Returns an HTTP client that records each request and passes it on to `client`.
pub fn recorded(client: impl HttpClient + 'static) -> impl HttpClient + Clone + 'static {
    Recorded(SharedHttpClient::new(client))
}

/// Records one request. Tests without a client of the SDK in their own process call this.
pub fn record<'a>(
    method: &str,
    uri: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &[u8],
) {
    let headers: BTreeMap<_, _> = headers.into_iter().collect();
    let line = json!({
        "package": package(),
        // The test harness names the thread after the test.
        "test": std::thread::current().name(),
        "method": method,
        "uri": uri,
        "headers": headers,
        "body": base64::encode(body),
    });
    let mut file = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(file, "{line}").expect("a request recorded");
}

/// Returns the name of the package whose tests run. Cargo sets the variable.
fn package() -> String {
    std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "unknown".to_owned())
}

#[derive(Debug, Clone)]
struct Recorded<C>(C);

impl<C: HttpClient> HttpClient for Recorded<C> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Recorded(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Recorded<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // A streamed body is an object of S3, whose content the models do not describe.
        let body = request.body().bytes().unwrap_or_default();
        record(
            request.method(),
            request.uri(),
            request.headers().iter(),
            body,
        );
        self.0.call(request)
    }
}
