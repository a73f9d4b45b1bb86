//! Subscribers of a scenario, and the requests that they receive.

use local_stack::admin::{Action, Fields, PageId};
use serde_json::{Value, json};
use testing::receiver::WebhookRequest;
use wagrun_event::Event;

use super::event_line::page;
use super::runtime::WAIT_TIMEOUT;
use super::scenario::Scenario;

/// Adds or replaces a webhook subscriber to the scenario's own pages. `fields` are further fields of its parameter.
pub async fn subscribe(scenario: &Scenario, name: &str, fields: Value) {
    let mut parameter = scenario.receiver().parameter(name);
    parameter["under"] = json!(scenario.url.trim_start_matches("http://localhost"));
    let fields = fields.as_object().unwrap().clone();
    parameter.as_object_mut().unwrap().extend(fields);
    put_subscriber(scenario, name, &parameter.to_string()).await;
}

/// Writes the parameter of a subscriber.
pub async fn put_subscriber(scenario: &Scenario, name: &str, parameter: &str) {
    let deployment = &scenario.stack.local.deployment;
    deployment.put_subscriber(name, parameter).await.unwrap();
}

/// Removes a subscriber.
pub async fn unsubscribe(scenario: &Scenario, name: &str) {
    let deployment = &scenario.stack.local.deployment;
    deployment.delete_subscriber(name).await.unwrap();
}

/// Returns all requests to a subscriber, once there are at least `count`.
pub async fn wait_for_requests(
    scenario: &Scenario,
    name: &str,
    count: usize,
) -> Vec<WebhookRequest> {
    let what = format!("{count} requests");
    let enough = |all: &[WebhookRequest]| (all.len() >= count).then(|| all.to_vec());
    let waited = scenario
        .receiver()
        .wait_until(name, &what, WAIT_TIMEOUT, enough);
    waited.await.unwrap_or_else(|missing| panic!("{missing}"))
}

/// Saves a draft of a live page with a new title, in one commit. Returns its event once the catch-all subscriber has it.
pub async fn retitle(scenario: &mut Scenario, post: PageId, title: &str) -> Event {
    scenario
        .edit(post, &Fields::titled(title), Action::Save)
        .await;
    let mut events = scenario.expect(&[page("updated", post)]).await;
    events.remove(0)
}
