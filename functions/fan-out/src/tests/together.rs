//! Events of several objects share the calls to the delivery queue.

use super::*;

/// Returns the lanes of each call's messages.
fn lanes(calls: &[Value]) -> Vec<Vec<&str>> {
    let entries = calls.iter().map(|call| call["Entries"].as_array().unwrap());
    let lanes = entries.map(|entries| {
        let lanes = entries.iter().map(|entry| entry["MessageGroupId"].as_str());
        lanes.map(Option::unwrap).collect()
    });
    lanes.collect()
}

fn events(subjects: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let events = subjects.iter().map(|(id, subject)| (*id, event(subject)));
    events.collect()
}

#[tokio::test]
async fn events_of_ten_objects_take_one_call() {
    let ssm = parameters(&[("a", subscriber(json!({})))]);
    let pages: Vec<String> = (0..10).map(|page| format!("page/{page}")).collect();
    let ids = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let records = ids.into_iter().zip(pages.iter().map(|page| event(page)));
    let records: Vec<_> = records.collect();
    let all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    let (reported, calls) = run(ssm, vec![sent(&all)], &records).await;
    assert!(reported.is_empty());
    let expected: Vec<String> = pages.iter().map(|page| format!("a|{page}")).collect();
    assert_eq!(lanes(&calls), [expected]);
}

#[tokio::test]
async fn a_later_event_of_an_object_is_sent_after_the_earlier_one_and_not_if_that_failed() {
    let ssm = || parameters(&[("a", subscriber(json!({})))]);
    let records = events(&[
        ("1", "page/4"),
        ("2", "page/5"),
        ("3", "page/4"),
        ("4", "page/6"),
    ]);
    let answers = vec![sent(&[0, 1]), sent(&[0, 1])];
    let (reported, calls) = run(ssm(), answers, &records).await;
    assert!(reported.is_empty());
    assert_eq!(
        lanes(&calls),
        [["a|page/4", "a|page/5"], ["a|page/4", "a|page/6"]]
    );
    // The first is refused.
    let answers = vec![sent(&[1]), sent(&[0])];
    let (reported, calls) = run(ssm(), answers, &records).await;
    assert_eq!(reported, ["1", "3"]);
    assert_eq!(
        lanes(&calls),
        [vec!["a|page/4", "a|page/5"], vec!["a|page/6"]]
    );
}

#[tokio::test]
async fn an_event_that_makes_sqs_refuse_the_whole_call_fails_alone() {
    let ssm = parameters(&[("a", subscriber(json!({}))), ("b", subscriber(json!({})))]);
    let records = events(&[("1", "page/4"), ("2", "page/5"), ("3", "page/6")]);
    let refused =
        r#"{"__type":"com.amazonaws.sqs#InvalidMessageContents","message":"a character"}"#;
    let refused = (400, refused.to_owned());
    let answers = vec![refused.clone(), sent(&[0, 1]), refused, sent(&[0, 1])];
    let (reported, calls) = run(ssm, answers, &records).await;
    assert_eq!(reported, ["2"]);
    let lengths: Vec<_> = lanes(&calls).iter().map(Vec::len).collect();
    assert_eq!(lengths, [6, 2, 2, 2]);
}

#[tokio::test]
async fn what_waits_for_others_is_bounded() {
    let names: Vec<_> = (0..60).map(|n| format!("s{n:02}")).collect();
    let all: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), subscriber(json!({}))))
        .collect();
    let records = events(&[("1", "page/4"), ("2", "page/5"), ("3", "page/6")]);
    let ten = sent(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let (reported, calls) = run(parameters(&all), vec![ten; 18], &records).await;
    assert!(reported.is_empty());
    assert_eq!(calls.len(), 18);
    // SQS does not answer. Two events waited for each other, and the third one is tried by itself.
    let (_, calls) = run(parameters(&all), vec![(503, "{}".to_owned()); 2], &records).await;
    assert_eq!(calls.len(), 2);
}
