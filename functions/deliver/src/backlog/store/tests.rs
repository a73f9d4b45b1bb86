use testing::replay::Replay;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

#[test]
fn a_backlog_that_returns_keeps_only_the_time_of_its_begin() {
    let backlog = Backlog {
        paced: true,
        gone_since: Some(at(1)),
        tried_since: Some(at(2)),
        recalled_at: Some(at(3)),
        recalled_to: Some("page/7".to_owned()),
        ..Backlog::begun(at(0))
    };
    let returning = Backlog {
        returning_since: Some(at(9)),
        ..Backlog::begun(at(0))
    };
    assert_eq!(backlog.returning(at(9)), returning);
}

#[tokio::test]
async fn a_record_that_cannot_be_deleted_is_an_error_unless_there_is_none() {
    let record = serde_json::to_string(&Backlog::begun(at(0))).unwrap();
    let records =
        serde_json::json!({"Parameters": [{"Name": "/wagrun/backlogs/cdn", "Value": record}]});
    let replay = Replay::new([
        (200, records.to_string()),
        (400, r#"{"__type":"AccessDeniedException"}"#.to_owned()),
        (400, r#"{"__type":"ParameterNotFound"}"#.to_owned()),
    ]);
    let ssm = Client::new(&replay.config());
    let store = BacklogStore::new(ssm, "/wagrun/backlogs", Duration::from_secs(60));
    assert!(store.find("cdn", at(0)).await.unwrap().is_some());
    let error = store.remove("cdn").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot delete the backlog /wagrun/backlogs/cdn"
    );
    assert!(store.find("cdn", at(1)).await.unwrap().is_some());
    store.remove("cdn").await.unwrap();
    assert!(store.find("cdn", at(2)).await.unwrap().is_none());
}
