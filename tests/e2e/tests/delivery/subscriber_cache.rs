//! A stack with the cache times of AWS: a new or changed subscriber is in use within a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use local_stack::deployment::Deployment;
use serde_json::json;
use testing::progress::Progress;
use testing::receiver::Receiver;
use uuid::Uuid;

use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::sql::{RELAY_ROLE, WEB_ROLE};
use crate::support::stack::{StackAccess, TestStack};

const STACK: &str = "wagrun-cache";

/// Publishes an event on the stack's topic, as content-events does, and returns its id.
async fn publish(stack: &Deployment) -> Uuid {
    let id = Uuid::new_v4();
    // Each event has a page of its own, so that none waits for another.
    let subject = format!("page/{}", id.as_u128());
    let event = json!({
        "specversion": "1.0", "id": id, "source": "/wagrun/wagrun-cache", "type": "wagtail.page.updated",
        "subject": subject, "time": "2026-11-21T21:46:46.426651Z", "datacontenttype": "application/json",
        "partitionkey": subject, "sequence": "0000000000000001", "data": {},
    })
    .to_string();
    let parameters = [
        ("TopicArn", stack.output("EventTopicArn").unwrap()),
        ("Message", &event),
        ("MessageGroupId", &subject),
        ("MessageDeduplicationId", &id.to_string()),
    ];
    let published = stack
        .aws()
        .query("sns", "Publish", "2010-03-31", &parameters)
        .await;
    published.unwrap();
    id
}

/// Returns true if a subscriber has received this event.
fn has_received(receiver: &Receiver, subscriber: &str, id: Uuid) -> bool {
    receiver
        .events(subscriber)
        .iter()
        .any(|event| event.id == id)
}

#[test]
fn a_subscriber_that_is_created_or_changed_is_seen_within_a_minute() {
    run(async {
        let _access = StackAccess::shared().await;
        let local = &TestStack::get().await.local;
        let (receiver, deployer) = (&local.receiver, local.deployer());
        let parameters = BTreeMap::from([
            ("DatabaseHost", "127.0.0.1".to_owned()),
            ("DatabasePort", local.postgres.port().to_string()),
            ("DatabaseName", local.database.clone()),
            (
                "DatabaseMasterUser",
                local_stack::postgres::MASTER.to_owned(),
            ),
            ("DatabaseWebUser", WEB_ROLE.to_owned()),
            ("DatabaseRelayUser", RELAY_ROLE.to_owned()),
            (
                "SiteDirectory",
                testing::checkout().join("site").display().to_string(),
            ),
            (
                "SitePython",
                local.tools.program("site", "python").display().to_string(),
            ),
            // This is the value of template.yaml.
            ("SubscriberCacheSeconds", "30".to_owned()),
        ]);
        let stack = deployer.deploy(STACK, &parameters).await.unwrap();
        let put = async |name: &str, to: &str| {
            let parameter = receiver.parameter(to).to_string();
            stack.put_subscriber(name, &parameter).await.unwrap();
        };
        let wait_for_witness = async |id: Uuid| {
            let waited =
                receiver.wait_for("witness", "its event", WAIT_TIMEOUT, |event| event.id == id);
            waited.await.unwrap_or_else(|missing| panic!("{missing}"));
        };
        put("a-changed", "before").await;
        // Its name is the last in the alphabet. So the others have received an event when it has.
        put("witness", "witness").await;
        let first = publish(&stack).await;
        wait_for_witness(first).await;
        assert!(has_received(receiver, "before", first));

        put("a-changed", "after").await;
        put("a-created", "created").await;
        let changed = Instant::now();
        let (mut seen, mut events) = (BTreeMap::new(), 0);
        while seen.len() < 2 {
            assert!(changed.elapsed() < Duration::from_secs(60), "only {seen:?}");
            let id = publish(&stack).await;
            wait_for_witness(id).await;
            events += 1;
            for name in ["after", "created"] {
                if has_received(receiver, name, id) {
                    seen.entry(name).or_insert_with(|| changed.elapsed());
                }
            }
        }
        println!("seen after {seen:?}, {events} events");
        deployer.delete(STACK, &Progress::quiet()).await.unwrap();
    });
}
