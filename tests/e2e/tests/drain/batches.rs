//! Runs of several batches.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::drain_fixture::{DrainFixture, insert_authors, rename, title};
use crate::support::runtime::run;
use crate::support::sql::execute;

/// After a crash both events of an object could otherwise be pending, and SNS may have forgotten only the first.
#[test]
fn an_event_is_settled_before_the_next_one_of_its_object_in_another_batch_is_published() {
    run(async {
        let fixture = DrainFixture::new().await;
        let mut session = fixture.database.connect().await;
        insert_authors(&mut session, 500).await;
        // A batch has 500 events. Twenty of these lead back, so that the number of published ones is not settled by itself.
        execute(
            &mut session,
            "begin; update blog_author set name = 'other' where id > 1;
             update blog_author set name = 'author' where id between 2 and 21; commit",
        )
        .await;
        rename(&mut session, 1, "last of the first batch").await;
        rename(&mut session, 1, "second batch").await;
        let arrival = Arc::new(Mutex::new(None));
        let arrived = Arc::clone(&arrival);
        fixture.topic.fail(move |event| {
            if title(event) == "second batch" {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                arrived.lock().unwrap().get_or_insert(now.as_secs_f64());
            }
            false
        });
        assert_eq!(fixture.sweep().await.unwrap().published, 481);
        let settled: Vec<f64> = sqlx::query_scalar(
            "select extract(epoch from settled_at)::float8 from wagrun.event where object = 'blog.author/1' order by sequence",
        )
        .fetch_all(&mut session)
        .await
        .unwrap();
        let arrival = arrival.lock().unwrap().unwrap();
        assert!(
            settled[0] < arrival && arrival < settled[1],
            "{settled:?}, {arrival}"
        );
    });
}
