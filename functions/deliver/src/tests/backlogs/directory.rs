//! Tests of subscribers that a directory has, or should have.

use serde_json::value::RawValue;
use wagrun_delivery::directory::{Directory, Entry, KEY};

use super::*;
use crate::handle;
use crate::tests::world::{RULES, subscribers};

/// The directory of every test is a minute old.
const AGE: SignedDuration = SignedDuration::from_secs(60);

fn missing() -> (u16, String) {
    (400, r#"{"__type":"ParameterNotFound"}"#.to_owned())
}

impl World {
    /// Writes a directory with these subscribers, whose listing began this long ago. SSM answers what is asked besides.
    fn write_directory(
        &mut self,
        listed: &[(&str, String)],
        age: SignedDuration,
        ssm: Vec<(u16, String)>,
    ) {
        let path = "/wagrun/subscribers";
        let mut directory = Directory::new(path, RULES, (self.handler.deliverer.clock)() - age);
        for (name, value) in listed {
            let entry = Entry {
                version: 1,
                changed_at: Some(1),
                value: Some(value.clone()),
                is_usable: true,
                in_force: None,
                is_incomplete: false,
            };
            directory.subscribers.insert((*name).to_owned(), entry);
        }
        let content = String::from_utf8(directory.encode().unwrap()).unwrap();
        self.cloud
            .state()
            .bucket
            .answer("PUT", &format!("/{KEY}"), &content);
        self.answer_ssm(ssm);
        let store = subscribers(&self.ssm);
        let bucket = Some("backlogs".to_owned());
        self.handler.deliverer.subscribers = store.with_directory_of(&self.cloud.config(), bucket);
    }
}

impl Story {
    fn value(&self, fields: Value) -> String {
        subscriber(&self.receiver.origin, fields)
    }

    /// Returns the operations of SSM that were called about subscribers.
    fn asked(&self) -> Vec<String> {
        let requests = self.world.ssm.requests().into_iter();
        let names = requests.map(|one| one.operation.trim_start_matches("AmazonSSM.").to_owned());
        names.collect()
    }

    /// Hands over a delivery that was sent a second ago, which is after the listing of the directory.
    async fn stays_new(&mut self, subject: &str) -> bool {
        self.numbered += 1;
        let body = delivery_of("cdn", subject, 1);
        let sent_at = clock() - SignedDuration::from_secs(1);
        self.world.fails_sent_at(&body, 1, sent_at).await
    }
}

#[tokio::test]
async fn a_known_subscriber_costs_no_call_of_ssm() {
    let mut story = Story::new(204, json!({})).await;
    let value = story.value(json!({}));
    story.world.write_directory(&[("cdn", value)], AGE, vec![]);
    assert!(!story.stays_new("page/1").await);
    assert!(!story.stays_new("page/2").await);
    assert_eq!(story.received(0).len(), 2);
    assert!(story.asked().is_empty());
}

#[tokio::test]
async fn a_subscriber_that_is_newer_than_the_directory_is_read_by_itself() {
    let mut story = Story::new(204, json!({})).await;
    let found = parameter(1, &story.value(json!({})));
    story.world.write_directory(&[], AGE, vec![found]);
    assert!(!story.stays_new("page/1").await);
    assert_eq!(story.received(0).len(), 1);
    assert_eq!(story.asked(), ["GetParameter"]);
}

#[tokio::test]
async fn a_subscriber_that_was_switched_on_after_the_directory_gets_its_delivery() {
    let mut story = Story::new(204, json!({})).await;
    let off = story.value(json!({"enabled": false}));
    let on = parameter(2, &story.value(json!({})));
    story.world.write_directory(&[("cdn", off)], AGE, vec![on]);
    assert!(!story.stays_new("page/1").await);
    assert_eq!(story.received(0).len(), 1);
    assert!(story.backlog().is_none());
}

#[tokio::test]
async fn only_two_reads_of_the_parameter_itself_make_a_subscriber_gone() {
    let mut story = Story::new(204, json!({})).await;
    story.world.write_directory(&[], AGE, vec![missing()]);
    assert!(story.stays_new("page/1").await);
    assert!(story.backlog().unwrap()["gone_since"].is_string());
    // The directory has not listed it a second time, and the parameter is there again.
    pass(SETTLING_SECONDS);
    let found = parameter(1, &story.value(json!({})));
    story.world.write_directory(&[], AGE, vec![found]);
    assert!(!story.stays_new("page/1").await);
    assert_eq!(story.received(0).len(), 1);
    // Missing for good.
    let mut story = Story::new(204, json!({})).await;
    story
        .world
        .write_directory(&[], AGE, vec![missing(), missing()]);
    assert!(story.stays_new("page/1").await);
    pass(SETTLING_SECONDS);
    assert!(!story.stays_new("page/1").await);
    assert_eq!((story.received(0).len(), story.asked().len()), (0, 2));
}

#[tokio::test]
async fn a_sweep_believes_no_directory_that_is_older_than_the_absence() {
    let mut story = Story::new(204, json!({})).await;
    let value = story.value(json!({}));
    story.world.write_directory(&[], AGE, vec![missing()]);
    assert!(story.stays_new("page/1").await);
    // The directory still has the subscriber that was deleted.
    let directory = [("cdn", value.clone())];
    story
        .world
        .write_directory(&directory, AGE, vec![missing()]);
    pass(30);
    assert_eq!(story.look().await[0]["state"], "waiting");
    assert!(story.backlog().unwrap()["gone_since"].is_string());
    // It is there again, and the directory does not know.
    story
        .world
        .write_directory(&[], AGE, vec![parameter(1, &value)]);
    pass(30);
    assert_eq!(story.look().await[0]["state"], "found");
    assert!(story.backlog().unwrap()["gone_since"].is_null());
}

#[tokio::test]
async fn without_a_directory_that_can_be_used_each_delivery_reads_its_subscriber() {
    let mut story = Story::new(204, json!({})).await;
    let found = parameter(1, &story.value(json!({})));
    let old = SignedDuration::from_mins(16);
    story.world.write_directory(&[], old, vec![found.clone()]);
    assert!(!story.stays_new("page/1").await);
    assert!(!story.stays_new("page/2").await);
    // One read is good for both.
    assert_eq!((story.received(0).len(), story.asked().len()), (2, 1));
    story.world.write_directory(&[], AGE, vec![found]);
    story.world.cloud.state().refused = Some("subscriber-directory");
    assert!(!story.stays_new("page/3").await);
    assert_eq!(story.received(0).len(), 3);
}

#[tokio::test]
async fn the_check_fails_for_a_directory_that_cannot_be_used() {
    let check = async |story: &Story| {
        let payload = RawValue::from_string(r#"{"sweep":"subscribers"}"#.into()).unwrap();
        handle(&story.world.handler, &payload).await
    };
    let mut story = Story::new(204, json!({})).await;
    let value = story.value(json!({}));
    let subscribers = [("cdn", value)];
    story.world.write_directory(&subscribers, AGE, vec![]);
    assert!(check(&story).await.is_ok());
    let old = SignedDuration::from_mins(16);
    story.world.write_directory(&subscribers, old, vec![]);
    let error = check(&story).await.unwrap_err();
    assert_eq!(error.error_type, "SubscribersNotChecked");
    let expected = "the subscriber directory cannot be used: the last listing of the subscriber directory began at ";
    assert!(
        error.error_message.starts_with(expected),
        "{}",
        error.error_message
    );
    // Before the first subscriber there is none.
    story.world.write_directory(&[], AGE, vec![parameters(&[])]);
    story.world.cloud.state().bucket.objects.clear();
    assert!(check(&story).await.is_ok());
}

#[tokio::test]
async fn the_end_of_a_failure_is_written_once_although_the_directory_has_it_longer() {
    let mut story = Story::new(204, json!({})).await;
    let since = (clock() - SignedDuration::from_hours(1)).to_string();
    let value = story.value(json!({"failing_since": since}));
    story
        .world
        .write_directory(&[("cdn", value.clone())], AGE, vec![]);
    story
        .world
        .answer_health(vec![parameter(1, &value), written(2)]);
    for subject in ["page/1", "page/2", "page/3"] {
        assert!(!story.stays_new(subject).await);
    }
    assert_eq!(story.received(0).len(), 3);
    assert_eq!(story.asked(), ["GetParameter", "PutParameter"]);
}
