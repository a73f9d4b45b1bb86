//! `wagrun doctor`: nothing is wrong with the deployed stack, and each deliberate fault is found by its name.

mod end_to_end;
mod patient;

use serde_json::{Value, json};

use crate::support::runtime::run;

use patient::Patient;

#[test]
fn each_fault_of_topic_and_queues_is_found() {
    run(async {
        let patient = Patient::new("op-topic").await;
        let arn = patient.subscription().await;
        let attribute = async |name: &str, value: &str| {
            let parameters = [
                ("SubscriptionArn", &*arn),
                ("AttributeName", name),
                ("AttributeValue", value),
            ];
            patient.sns("SetSubscriptionAttributes", &parameters).await;
        };
        attribute("FilterPolicy", "{\"type\":[\"nothing\"]}").await;
        patient
            .finds("topic-subscription", "it has a filter: ")
            .await;
        attribute("FilterPolicy", "{}").await;
        patient.is_well("topic-subscription").await;
        attribute("RawMessageDelivery", "false").await;
        patient
            .finds("topic-subscription", "it does not deliver the events raw")
            .await;
        attribute("RawMessageDelivery", "true").await;

        let policy = patient.queue_attribute("EventQueueUrl", "Policy").await;
        patient
            .set_queue_attribute("EventQueueUrl", "Policy", "")
            .await;
        patient
            .finds(
                "queue-policy",
                "the policy of EventQueue does not let the topic send",
            )
            .await;
        patient
            .set_queue_attribute("EventQueueUrl", "Policy", &policy)
            .await;
        patient.is_well("queue-policy").await;

        let redrive = patient
            .queue_attribute("DeliveryQueueUrl", "RedrivePolicy")
            .await;
        patient
            .set_queue_attribute("DeliveryQueueUrl", "RedrivePolicy", "")
            .await;
        patient
            .finds("dead-letter-queues", "DeliveryQueue gives up to nowhere")
            .await;
        patient
            .set_queue_attribute("DeliveryQueueUrl", "RedrivePolicy", &redrive)
            .await;
        patient.is_well("dead-letter-queues").await;

        let url = patient.output("EventDeadLetterQueueUrl").to_owned();
        let message = json!({"QueueUrl": url, "MessageBody": "{}", "MessageGroupId": "g", "MessageDeduplicationId": "op-topic"});
        patient.sqs("SendMessage", message).await;
        patient
            .finds("dead-letters", "1 message in EventDeadLetter")
            .await;
        patient.aws.purge(&url).await.unwrap();

        patient
            .sns("Unsubscribe", &[("SubscriptionArn", &arn)])
            .await;
        patient
            .finds("topic-subscription", "has no subscription to arn:aws:sns:")
            .await;
        let queue = patient.queue_attribute("EventQueueUrl", "QueueArn").await;
        let dead = patient
            .queue_attribute("EventDeadLetterQueueUrl", "QueueArn")
            .await;
        let dead = json!({"deadLetterTargetArn": dead}).to_string();
        let topic = patient.output("EventTopicArn").to_owned();
        let again = [
            ("TopicArn", &*topic),
            ("Protocol", "sqs"),
            ("Endpoint", &*queue),
            ("Attributes.entry.1.key", "RawMessageDelivery"),
            ("Attributes.entry.1.value", "true"),
            ("Attributes.entry.2.key", "RedrivePolicy"),
            ("Attributes.entry.2.value", &*dead),
        ];
        patient.sns("Subscribe", &again).await;
        patient.is_well("topic-subscription").await;
    });
}

#[test]
fn each_fault_of_a_function_is_found() {
    run(async {
        let patient = Patient::new("op-function").await;
        let deliver = patient.output("DeliverFunctionName").to_owned();
        let configuration = format!("/2015-03-31/functions/{deliver}/configuration");
        let before: Value =
            serde_json::from_str(&patient.aws.get("lambda", &configuration).await.unwrap())
                .unwrap();
        let mut wrong = json!({"Environment": before["Environment"].clone()});
        wrong["Environment"]["Variables"]["DELIVERY_QUEUE_URL"] =
            json!("http://another/queue.fifo");
        patient
            .aws
            .put("lambda", &configuration, &wrong)
            .await
            .unwrap();
        patient
            .finds(
                "environment",
                "DELIVERY_QUEUE_URL of deliver is http://another/queue.fifo",
            )
            .await;
        let right = json!({"Environment": before["Environment"].clone()});
        patient
            .aws
            .put("lambda", &configuration, &right)
            .await
            .unwrap();
        patient.is_well("environment").await;

        let mappings = format!("/2015-03-31/event-source-mappings?FunctionName={deliver}");
        let mappings: Value =
            serde_json::from_str(&patient.aws.get("lambda", &mappings).await.unwrap()).unwrap();
        let uuid = mappings["EventSourceMappings"][0]["UUID"].as_str().unwrap();
        let mapping = format!("/2015-03-31/event-source-mappings/{uuid}");
        patient
            .aws
            .put("lambda", &mapping, &json!({"Enabled": false}))
            .await
            .unwrap();
        patient
            .finds(
                "event-sources",
                &format!("the mapping {uuid} of deliver is Disabl"),
            )
            .await;
        patient
            .aws
            .put("lambda", &mapping, &json!({"Enabled": true}))
            .await
            .unwrap();

        let content_events = patient.output("ContentEventsFunctionName").to_owned();
        let invoke =
            format!("/2019-09-25/functions/{content_events}/event-invoke-config?Qualifier=$LATEST");
        let kept: Value =
            serde_json::from_str(&patient.aws.get("lambda", &invoke).await.unwrap()).unwrap();
        patient.aws.delete("lambda", &invoke).await.unwrap();
        patient
            .finds(
                "doorbell-failures",
                "content-events has no destination for failures",
            )
            .await;
        let again = json!({"DestinationConfig": kept["DestinationConfig"], "MaximumRetryAttempts": kept["MaximumRetryAttempts"]});
        patient.aws.put("lambda", &invoke, &again).await.unwrap();
        patient.is_well("doorbell-failures").await;

        let invalid = patient
            .aws
            .invoke(&content_events, &json!({"sweep": "rubbish"}))
            .await;
        assert!(invalid.is_err());
        patient.finds("errors", "content-events failed ").await;
    });
}

#[test]
fn each_fault_of_log_groups_schedules_and_subscribers_is_found() {
    run(async {
        let patient = Patient::new("op-rest").await;
        let group = "/wagrun-local/deliver";
        patient
            .logs("DeleteRetentionPolicy", json!({"logGroupName": group}))
            .await;
        patient
            .finds("log-groups", "/wagrun-local/deliver never expires")
            .await;
        let retention = json!({"logGroupName": group, "retentionInDays": 30});
        patient.logs("PutRetentionPolicy", retention).await;
        patient.is_well("log-groups").await;

        let schedules: Value =
            serde_json::from_str(&patient.aws.get("scheduler", "/schedules").await.unwrap())
                .unwrap();
        let ours = schedules["Schedules"].as_array().unwrap().iter();
        let name = ours
            .filter_map(|one| one["Name"].as_str())
            .find(|name| name.contains("wagrun-local"))
            .unwrap();
        let path = format!("/schedules/{name}");
        let mut schedule: Value =
            serde_json::from_str(&patient.aws.get("scheduler", &path).await.unwrap()).unwrap();
        let fields = schedule.as_object_mut().unwrap();
        fields.retain(|field, _| {
            [
                "FlexibleTimeWindow",
                "ScheduleExpression",
                "Target",
                "State",
                "Description",
            ]
            .contains(&&**field)
        });
        schedule["State"] = json!("DISABLED");
        patient
            .aws
            .put("scheduler", &path, &schedule)
            .await
            .unwrap();
        patient.finds("schedules", " is disabled").await;
        schedule["State"] = json!("ENABLED");
        patient
            .aws
            .put("scheduler", &path, &schedule)
            .await
            .unwrap();
        patient.is_well("schedules").await;

        let parameter = format!("{}/op-sick", patient.output("SubscribersPath"));
        let mut subscriber = patient.scenario.receiver().parameter("op-sick");
        subscriber["secrets"] = json!(["whsec_c2hvcnQ="]);
        patient
            .aws
            .put_parameter(&parameter, &subscriber.to_string())
            .await
            .unwrap();
        patient.finds("subscribers", "op-sick: secrets[0]: ").await;
        let mut subscriber = patient.scenario.receiver().parameter("op-sick");
        subscriber["failing_since"] = json!("2026-11-26T11:00:00Z");
        patient
            .aws
            .put_parameter(&parameter, &subscriber.to_string())
            .await
            .unwrap();
        patient.is_well("subscribers").await;
        patient
            .finds("receivers", "op-sick fails since 2026-11-26 11:00")
            .await;
        patient.aws.delete_parameter(&parameter).await.unwrap();
    });
}
