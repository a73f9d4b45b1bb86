//! Subscribers that are not webhooks: an EventBridge bus and a CloudFront distribution of the emulator.

use local_stack::admin::{Action, Fields};
use local_stack::aws::{Aws, AwsError};
use serde_json::{Value, json};
use testing::progress::{Progress, Wait, wait_until};
use wagrun_lambda::telemetry::chain;

use crate::support::event_line::page;
use crate::support::runtime::{WAIT_TIMEOUT, run};
use crate::support::scenario::Scenario;
use crate::support::subscribers::unsubscribe;

/// Adds a subscriber to the scenario's own pages.
async fn subscribe(scenario: &Scenario, name: &str, mut parameter: Value) {
    parameter["under"] = json!(scenario.url.trim_start_matches("http://localhost"));
    let deployment = &scenario.stack.local.deployment;
    let parameter = parameter.to_string();
    deployment.put_subscriber(name, &parameter).await.unwrap();
}

/// Creates a bus with a rule whose target is a queue. Returns the bus's ARN and the queue's URL.
async fn create_bus(aws: &Aws, name: &str, pattern: &Value) -> (String, String) {
    let events = async |call: &str, input: Value| {
        let call = format!("AWSEvents.{call}");
        aws.json("events", &call, &input).await.unwrap()
    };
    let sqs = async |call: &str, input: Value| {
        let call = format!("AmazonSQS.{call}");
        aws.json("sqs", &call, &input).await.unwrap()
    };
    let bus = events("CreateEventBus", json!({"Name": name})).await;
    let queue = sqs("CreateQueue", json!({"QueueName": name})).await;
    let url = queue["QueueUrl"].as_str().unwrap();
    let input = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
    let attributes = sqs("GetQueueAttributes", input).await;
    let rule = json!({"Name": name, "EventBusName": name, "EventPattern": pattern.to_string()});
    events("PutRule", rule).await;
    let target = json!({"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]});
    let targets = json!({"Rule": name, "EventBusName": name, "Targets": [target]});
    events("PutTargets", targets).await;
    (
        bus["EventBusArn"].as_str().unwrap().to_owned(),
        url.to_owned(),
    )
}

#[test]
fn a_rule_on_a_bus_gets_the_event_as_its_detail() {
    run(async {
        let mut scenario = Scenario::new("bus").await;
        let aws = scenario.stack.local.deployment.aws();
        // This pattern is in docs/subscribers.md.
        let pattern = json!({
            "source": ["/wagrun/wagrun-local"], "detail-type": ["wagtail.page.published"],
            "detail": {"data": {"locale": ["en"]}},
        });
        let (arn, queue) = create_bus(aws, "content", &pattern).await;
        subscribe(
            &scenario,
            "bus",
            json!({"target": "eventbridge", "bus": arn}),
        )
        .await;
        let post = scenario
            .create(scenario.root, "Post", Action::Publish)
            .await;
        let events = scenario
            .expect(&["created", "updated", "published"].map(|action| page(action, post)))
            .await;

        let poll = || async {
            let messages = aws.receive(&queue).await?;
            Ok::<_, AwsError>(match messages.is_empty() {
                true => Wait::NotYet("an empty queue".to_owned()),
                false => Wait::Ready(messages),
            })
        };
        let messages = wait_until(&Progress::quiet(), "the bus's event", WAIT_TIMEOUT, poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        let [message] = &messages[..] else {
            panic!("{messages:?}");
        };
        let entry: Value = serde_json::from_str(&message.body).unwrap();
        assert_eq!(entry["detail"], serde_json::to_value(&events[2]).unwrap());
        assert_eq!(entry["detail-type"], "wagtail.page.published");
        assert_eq!(entry["source"], "/wagrun/wagrun-local");
        unsubscribe(&scenario, "bus").await;
    });
}

/// Creates a distribution that CloudFront would accept, and returns its id.
async fn create_distribution(aws: &Aws) -> String {
    let config = "<DistributionConfig><CallerReference>content</CallerReference><Comment></Comment>\
        <Origins><Quantity>1</Quantity><Items><Origin><Id>site</Id><DomainName>www.example.org</DomainName></Origin></Items></Origins>\
        <DefaultCacheBehavior><TargetOriginId>site</TargetOriginId><ViewerProtocolPolicy>allow-all</ViewerProtocolPolicy>\
        </DefaultCacheBehavior><Enabled>true</Enabled></DistributionConfig>";
    let path = "/2020-05-31/distribution";
    let answer = aws.post("cloudfront", path, config).await.unwrap();
    element_texts(&answer, "Id").remove(0)
}

/// Returns the text of each element of this name.
fn element_texts(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open)
        .skip(1)
        .filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned()))
        .collect()
}

#[test]
fn a_page_with_another_path_is_invalidated_at_both() {
    run(async {
        let mut scenario = Scenario::new("cached").await;
        let post = scenario.live_post(scenario.root, "Post").await;
        let aws = scenario.stack.local.deployment.aws();
        let id = create_distribution(aws).await;
        let parameter = json!({"target": "cloudfront", "distribution": id});
        subscribe(&scenario, "cdn", parameter).await;
        scenario
            .edit(post, &Fields::none().slug("renamed"), Action::Publish)
            .await;
        scenario
            .expect(&[page("updated", post), page("published", post)])
            .await;

        let list = format!("/2020-05-31/distribution/{id}/invalidation");
        let poll = || async {
            let ids = element_texts(&aws.get("cloudfront", &list).await?, "Id");
            let mut invalidations = Vec::new();
            for id in &ids {
                let one = aws.get("cloudfront", &format!("{list}/{id}")).await?;
                invalidations.push(element_texts(&one, "Path"));
            }
            // The invalidation of the draft's event comes first.
            Ok::<_, AwsError>(match invalidations.len() {
                2 => Wait::Ready(invalidations),
                _ => Wait::NotYet(format!("{invalidations:?}")),
            })
        };
        let invalidations =
            wait_until(&Progress::quiet(), "both invalidations", WAIT_TIMEOUT, poll)
                .await
                .unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert_eq!(
            invalidations,
            [
                vec!["/cached/post/"],
                vec!["/cached/post/", "/cached/renamed/"]
            ]
        );
        unsubscribe(&scenario, "cdn").await;
    });
}
