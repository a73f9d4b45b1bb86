//! Marked changes, by which an operator sees the way of an event: they take an editor's way, and nobody else has them.

use content_events::Invocation;
use serde_json::json;

use crate::support::drain_fixture::{DrainFixture, pending};
use crate::support::fake_lambda::{FakeLambda, LambdaBehavior};
use crate::support::runtime::run;

#[test]
fn a_marked_change_is_left_to_its_doorbell_and_goes_to_its_subscriber_alone() {
    run(async {
        let fixture = DrainFixture::new().await;
        let lambda = FakeLambda::start(LambdaBehavior::Accepts).await;
        fixture.database.set_lambda_endpoint(&lambda.endpoint).await;
        let marked = fixture.invoke(json!({"mark": "doctor-1"})).await.unwrap();
        let captured_at = marked.marked.as_ref().unwrap().captured_at.clone();
        assert_eq!(marked.published, 0, "the marking run drains nothing");
        let calls = lambda.calls();
        assert_eq!(calls.len(), 1, "its commit rings");

        let ring = serde_json::from_str(&calls[0].1).unwrap();
        let wake = Invocation::parse(&ring).unwrap();
        assert_eq!(fixture.drain(wake).await.unwrap().published, 1);
        let events = fixture.topic.accepted();
        let [event] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(
            (&*event.kind, &*event.subject, event.subscriber.as_deref()),
            ("wagrun.marked", "subscriber/doctor-1", Some("doctor-1"))
        );
        assert_eq!(event.time, captured_at);
        let mut session = fixture.database.connect().await;
        assert_eq!(pending(&mut session).await, 0);

        // A replay to everybody would tell everybody.
        let since = json!({"replay": {"since": captured_at}});
        fixture.invoke(since).await.unwrap();
        assert_eq!(fixture.topic.accepted().len(), 1);
    });
}
