//! Invalidations of CloudFront, which have a queue of their own.

use super::*;

fn distribution() -> String {
    json!({"target": "cloudfront", "distribution": "E1"}).to_string()
}

#[tokio::test]
async fn an_invalidation_waits_in_its_own_queue_and_in_no_lane() {
    let ssm = parameters(&[("cdn", distribution()), ("hook", subscriber(json!({})))]);
    let event = event("page/4");
    let sqs = vec![sent(&[0]), sent(&[0])];
    let (reported, calls) = run(ssm, sqs, &[("1", event.clone())]).await;
    assert!(reported.is_empty());
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["Entries"][0]["MessageGroupId"], "hook|page/4");
    let body = format!(r#"{{"subscriber":"cdn","event":{event}}}"#);
    let expected = json!({
        "QueueUrl": INVALIDATIONS,
        "Entries": [{"Id": "0", "MessageBody": body}],
    });
    assert_eq!(calls[1], expected);
}

#[tokio::test]
async fn without_its_queue_an_invalidation_is_a_delivery_like_any_other() {
    let ssm = parameters(&[("cdn", distribution())]);
    let records = [("1", event("page/4"))];
    let (reported, calls) = run_with(None, ssm, vec![sent(&[0])], &records).await;
    assert!(reported.is_empty());
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["Entries"][0]["MessageGroupId"], "cdn|page/4");
}

#[tokio::test]
async fn neither_queue_keeps_back_what_the_other_takes() {
    let error = (
        400,
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#.to_owned(),
    );
    for sqs in [vec![error.clone(), sent(&[0])], vec![sent(&[0]), error]] {
        let ssm = parameters(&[("cdn", distribution()), ("hook", subscriber(json!({})))]);
        let (reported, calls) = run(ssm, sqs, &[("1", event("page/4"))]).await;
        assert_eq!(reported, ["1"]);
        assert_eq!(calls.len(), 2);
    }
}
