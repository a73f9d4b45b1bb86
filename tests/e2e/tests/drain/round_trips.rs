//! The round trips to the database that a run takes, because each is about a millisecond on Aurora.

use content_events::{Drainer, Invocation};
use sqlx::PgConnection;

use crate::support::drain_fixture::{
    DrainFixture, drainer_config, insert_authors, insert_posts, rename,
};
use crate::support::proxy::{Proxy, Settings};
use crate::support::runtime::{in_a_minute, run};
use crate::support::sql::{RELAY_ROLE, execute};

/// The answer to the first message of the session, and to the statement that looks for a connection pooler.
const CONNECTION: usize = 2;

#[test]
fn an_ordinary_page_takes_four_round_trips() {
    run(async {
        let counted = Counted::new().await;
        let mut session = counted.fixture.database.connect().await;
        insert_posts(&mut session, 1).await;
        execute(
            &mut session,
            "update wagtailcore_page set title = 'Old' where slug = 'p1'",
        )
        .await;
        counted.round_trips(&Invocation::Sweep).await;
        execute(
            &mut session,
            "begin; update wagtailcore_page set title = 'New' where slug = 'p1'",
        )
        .await;
        let ring = current_transaction(&mut session).await;
        execute(&mut session, "commit").await;
        // Take the lock, claim and read, store the decision, close.
        assert_eq!(counted.round_trips(&ring).await, CONNECTION + 4);
        assert_eq!(
            counted.fixture.topic.accepted().last().unwrap().data["title"],
            "New"
        );
    });
}

#[test]
fn an_ordinary_snippet_takes_three_round_trips() {
    run(async {
        let counted = Counted::new().await;
        let mut session = counted.fixture.database.connect().await;
        insert_authors(&mut session, 1).await;
        rename(&mut session, 1, "Ann").await;
        counted.round_trips(&Invocation::Sweep).await;
        execute(&mut session, "begin; update blog_author set name = 'Eve'").await;
        let ring = current_transaction(&mut session).await;
        execute(&mut session, "commit").await;
        assert_eq!(counted.round_trips(&ring).await, CONNECTION + 3);
        assert_eq!(counted.fixture.titles().last().unwrap().1, "Eve");
    });
}

#[test]
fn a_ring_for_nothing_takes_two_round_trips() {
    run(async {
        let counted = Counted::new().await;
        let mut session = counted.fixture.database.connect().await;
        counted.round_trips(&Invocation::Sweep).await;
        execute(&mut session, "begin; select pg_current_xact_id()").await;
        let ring = current_transaction(&mut session).await;
        execute(&mut session, "commit").await;
        assert_eq!(counted.round_trips(&ring).await, CONNECTION + 2);
    });
}

/// A drainer whose round trips are counted.
struct Counted {
    fixture: DrainFixture,
    proxy: Proxy,
    drainer: Drainer,
}

impl Counted {
    async fn new() -> Self {
        let fixture = DrainFixture::new().await;
        let database = &fixture.database;
        let proxy = Proxy::start(database.postgres().port(), Settings::Kept).await;
        let config = drainer_config(database.config_through(proxy.port(), RELAY_ROLE));
        Self {
            drainer: Drainer::new(config, &fixture.topic.sdk()),
            fixture,
            proxy,
        }
    }

    /// Runs the drainer, and returns the number of its round trips.
    async fn round_trips(&self, wake: &Invocation) -> usize {
        let before = self.proxy.round_trips();
        self.drainer.run(wake, in_a_minute()).await.unwrap();
        self.proxy.round_trips() - before
    }
}

async fn current_transaction(session: &mut PgConnection) -> Invocation {
    let xid: String = sqlx::query_scalar("select pg_current_xact_id()::text")
        .fetch_one(session)
        .await
        .unwrap();
    Invocation::Transactions(vec![xid.parse().unwrap()])
}
