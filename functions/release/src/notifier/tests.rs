use std::collections::HashMap;

use serde_json::json;
use testing::replay::Replay;

use super::*;
use crate::config::WebPlatform;
use crate::state::Phase;

const REPOSITORY: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team/site";

fn release() -> Release {
    Release {
        sequence: 12,
        image: Image {
            digest: format!("sha256:{}", "5".repeat(64)),
            tag: Some("prod".to_owned()),
        },
        started_at: "2026-11-24T02:00:00Z".parse().unwrap(),
        phase: Phase::Migrating { attempts: 1 },
        phase_started_at: "2026-11-24T02:00:30Z".parse().unwrap(),
        migrations_applied: Some(3),
    }
}

fn now() -> Timestamp {
    "2026-11-24T02:03:04.5Z".parse().unwrap()
}

/// Sends notifications and returns the parameters of each call.
async fn sent(notifications: &[Notification]) -> Vec<HashMap<String, String>> {
    let answer = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult></PublishResponse>";
    let replay = Replay::new(vec![(200, answer); 4]);
    let config = crate::tests::config(WebPlatform::None);
    let notifier = Notifier::new(Client::new(&replay.config()), &config);
    for notification in notifications {
        notifier.send(notification, now()).await.unwrap();
    }
    let requests = replay.requests();
    requests
        .iter()
        .map(|request| crate::tests::form(&request.body))
        .collect()
}

#[tokio::test]
async fn a_deployment_is_an_event_in_the_common_envelope() {
    let calls = sent(&[Notification::Deployed(release())]).await;
    let call = &calls[0];
    assert_eq!(calls.len(), 1);
    assert_eq!(
        call["TopicArn"],
        "arn:aws:sns:eu-central-1:111122223333:wagrun-events.fifo"
    );
    assert_eq!(call["MessageGroupId"], "site");
    assert_eq!(call["MessageAttributes.entry.1.Name"], "type");
    assert_eq!(
        call["MessageAttributes.entry.1.Value.StringValue"],
        "site.deployed"
    );
    let event: Event = serde_json::from_str(&call["Message"]).unwrap();
    assert_eq!(call["MessageDeduplicationId"], event.id.to_string());
    assert_eq!(event.id.get_version_num(), 8);
    let digest = release().image.digest;
    assert_eq!(
        serde_json::to_value(&event).unwrap(),
        json!({
            "specversion": "1.0", "id": event.id, "source": "/wagrun/wagrun", "type": "site.deployed",
            "subject": "site", "time": "2026-11-24T02:03:04.500000Z", "datacontenttype": "application/json",
            "partitionkey": "site", "sequence": "0000000000000012",
            "data": {
                "image": format!("{REPOSITORY}@{digest}"), "digest": digest, "tag": "prod", "platform": "None",
                "migrations_applied": 3, "milliseconds": 184_500,
            },
        })
    );
}

#[tokio::test]
async fn a_notification_that_is_sent_again_has_the_same_event_id() {
    let mut other = release();
    other.sequence = 13;
    let calls = sent(&[
        Notification::Deployed(release()),
        Notification::Deployed(release()),
        Notification::Deployed(other),
    ])
    .await;
    let ids: Vec<_> = calls
        .iter()
        .map(|call| &call["MessageDeduplicationId"])
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}

#[tokio::test]
async fn a_failure_is_an_event_and_a_mail_with_the_end_of_the_reason() {
    let reason = format!("{}\nno such column", "line\n".repeat(2000));
    let release = release();
    let calls = sent(&[Notification::Failed { release, reason }]).await;
    let event: Event = serde_json::from_str(&calls[0]["Message"]).unwrap();
    assert_eq!(event.kind, "site.deployment_failed");
    assert_eq!(event.data["phase"], "migrating");
    let reason = event.data["reason"].as_str().unwrap();
    assert!(reason.ends_with("no such column") && reason.chars().count() == 4000);

    let mail = &calls[1];
    assert_eq!(
        mail["TopicArn"],
        "arn:aws:sns:eu-central-1:111122223333:wagrun-alarms"
    );
    assert_eq!(
        mail["Subject"],
        "wagrun: release of sha256:555555555555 failed"
    );
    let text = &mail["Message"];
    assert!(
        text.contains("failed while migrating. The version that was serving still is."),
        "{text}"
    );
    assert!(
        text.contains("no such column\n\ndocs/runbook.md#a-release-failed"),
        "{text}"
    );
}

#[tokio::test]
async fn a_paused_service_is_a_mail() {
    let calls = sent(&[Notification::ServicePaused(release())]).await;
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0]["Subject"],
        "wagrun: release of sha256:555555555555 waits"
    );
    let text = &calls[0]["Message"];
    assert!(text.ends_with("docs/runbook.md#a-release-waits"), "{text}");
}
