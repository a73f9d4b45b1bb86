//! Tests of subscribers whose parameters cannot be used.

use super::*;

/// Returns the answer of an SSM with these parameters, of which each has these versions.
fn answer_with_versions(
    parameters: Vec<(&'static str, Vec<String>)>,
) -> impl Fn(&testing::replay::Request) -> (u16, String) + Send + Sync + 'static {
    let described = |name: &str, index: usize, value: &String| json!({"Name": format!("/wagrun/subscribers/{name}"), "Value": value, "Version": index + 1});
    move |request| {
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        let found = parameters.iter().flat_map(|(name, versions)| {
            let all: Vec<_> = versions
                .iter()
                .enumerate()
                .map(|(index, value)| described(name, index, value))
                .collect();
            match request.operation.as_str() {
                "AmazonSSM.GetParametersByPath" => all[all.len() - 1..].to_vec(),
                "AmazonSSM.GetParameterHistory" if asked["Name"] == all[0]["Name"] => all,
                _ => Vec::new(),
            }
        });
        let found: Vec<_> = found.collect();
        (200, json!({"Parameters": found}).to_string())
    }
}

#[tokio::test]
async fn a_parameter_that_cannot_be_used_loses_no_event() {
    let images = subscriber(json!({"types": ["wagtail.image.*"]}));
    let ssm = testing::replay::answering(answer_with_versions(vec![
        ("broken", vec!["{".into()]),
        ("mistyped", vec![subscriber(json!({})), "{".into()]),
        ("mistyped-images", vec![images, "{".into()]),
        (
            "off",
            vec![subscriber(json!({})), r#"{"enabled": false}"#.into()],
        ),
    ]));
    let max_age = Duration::from_secs(30);
    let subscribers = SubscriberStore::new(&ssm, "/wagrun/subscribers", max_age, Rules::LENIENT);
    let sqs = Replay::new([sent(&[0, 1])]);
    let client = aws_sdk_sqs::Client::new(&sqs.config());
    let url = "https://sqs.example.org/1/deliveries.fifo";
    let fan_out = FanOut::new(subscribers, &client, url.into(), None);
    let event = event("page/4");
    fan_out
        .fan_out(&event, Timestamp::UNIX_EPOCH)
        .await
        .unwrap();
    let call: Value = serde_json::from_str(&sqs.requests()[0].body).unwrap();
    let entries = call["Entries"].as_array().unwrap();
    let sent: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                &entry["MessageGroupId"],
                entry["MessageBody"].as_str().unwrap(),
            )
        })
        .collect();
    let body =
        |name: &str, rest: &str| format!(r#"{{"subscriber":"{name}","event":{event}{rest}}}"#);
    let (kept, aside) = (
        body("mistyped", ""),
        body("broken", r#","unfiltered":true"#),
    );
    assert_eq!(
        sent,
        [
            (&json!("mistyped|page/4"), kept.as_str()),
            (&json!("broken|page/4"), aside.as_str()),
        ]
    );
}
