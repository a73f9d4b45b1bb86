//! Tests of the number of objects that match a filter.

use super::*;

/// Returns the report about a subscriber whose content-events gives this answer.
async fn counted(status: u16, answer: Value) -> String {
    let (url, _) = receiver(StatusCode::NO_CONTENT).await;
    let filter = json!({"under": "/home/news/", "types": ["wagtail.page.*"]});
    let mut parameter = json!({"target": "webhook", "url": url, "secrets": [SECRET]});
    let fields = filter.as_object().unwrap().clone();
    parameter.as_object_mut().unwrap().extend(fields);
    let world = answering_world(parameter, Reach::Anywhere, move |request| {
        assert!(request.line.contains("/functions/ours/invocations"));
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(asked, json!({"match": filter}));
        (status, answer.to_string())
    });
    world.test_named("search", false).await.unwrap().to_string()
}

#[tokio::test]
async fn the_report_says_how_many_present_objects_match() {
    let matched = |matching: u32, rest: Value| {
        let mut matched = json!({"objects": 40, "matching": matching, "finished": true});
        let fields = rest.as_object().unwrap().clone();
        matched.as_object_mut().unwrap().extend(fields);
        json!({"published": 0, "matched": matched})
    };
    let text = counted(200, matched(12, json!({}))).await;
    assert!(
        text.contains("matches     12 of 40 present objects\n"),
        "{text}"
    );
    assert!(!text.contains("warning"), "{text}");
    let text = counted(200, matched(0, json!({}))).await;
    let warning = "warning     the filter matches nothing that is there now\n";
    assert!(text.contains(warning), "{text}");
    let instead = json!({"instead": {"under": "/news/", "pages": 3}});
    let text = counted(200, matched(0, instead)).await;
    assert!(text.contains("\"/news/\" would match 3 pages\n"), "{text}");
    let text = counted(200, matched(3, json!({"finished": false}))).await;
    assert!(
        text.contains("matches     3 of the first 40 present objects, when"),
        "{text}"
    );
    let text = counted(403, json!({})).await;
    assert!(text.contains("outcome     delivered\n"), "{text}");
    assert!(
        text.contains("matches     not counted: lambda:InvokeFunction "),
        "{text}"
    );
}
