//! A test that edits in the admin below a page of its own, and receives the events of its edits.

use local_stack::admin::{Action, Admin, Fields, PageId};
use sqlx::{Connection, PgConnection};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::{Receiver, WebhookRequest};
use tokio::sync::Mutex;
use uuid::Uuid;
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use super::event_line::{EventLine, line, list, page};
use super::runtime::WAIT_TIMEOUT;
use super::stack::{CATCH_ALL, StackAccess, TestStack};

/// The editors of two tests must not save at once. Wagtail counts the children of the front page before it inserts one. And its search
/// index updates every entry whose title has the average length in each save, which ended in deadlocks while there were few titles.
static SAVE_TURN: Mutex<()> = Mutex::const_new(());

/// The editor of one test, and the events of its pages and objects. The events of other tests are left out.
pub struct Scenario {
    /// The stack with the site, the functions and the receiver.
    pub stack: &'static TestStack,
    /// A session of Wagtail's admin.
    pub admin: Admin,
    /// A live page below the front page. The pages of the test are below it.
    pub root: PageId,
    /// The `url_path` of the root, with which that of every page of the test begins.
    pub url_path: String,
    /// The URL of the root.
    pub url: String,
    /// The subjects of objects of the test that are not pages.
    objects: Vec<String>,
    /// The number of events that `expect` has already returned.
    seen: usize,
    _access: StackAccess,
}

/// A row of the outbox, which has no id yet, or of the events.
#[derive(sqlx::FromRow)]
struct ChangeRow {
    id: Option<Uuid>,
    object: String,
    outcome: Option<String>,
    last_error: Option<String>,
}

impl Scenario {
    /// Begins on the shared stack. Publishes a root page with the slug `name`, and receives its events.
    pub async fn new(name: &str) -> Self {
        let access = StackAccess::shared().await;
        Self::begin(name, TestStack::get().await, access).await
    }

    /// Begins as [`Self::new`] does, while no other test uses the shared stack.
    pub async fn exclusive(name: &str) -> Self {
        let access = StackAccess::exclusive().await;
        Self::begin(name, TestStack::get().await, access).await
    }

    /// Begins as [`Self::new`] does, on the stack whose database rings only through its log.
    pub async fn with_log_doorbell(name: &str) -> Self {
        Self::begin(
            name,
            TestStack::with_log_doorbell().await,
            StackAccess::LogDoorbell,
        )
        .await
    }

    async fn begin(name: &str, stack: &'static TestStack, access: StackAccess) -> Self {
        let local = &stack.local;
        let admin = local.admin().await.unwrap().in_turn(&SAVE_TURN);
        let fields = Fields::titled(name).slug(name);
        let root = admin
            .create_page(local.home, "blog/blogindexpage", &fields, Action::Publish)
            .await
            .unwrap();
        let mut scenario = Self {
            stack,
            admin,
            root,
            url_path: format!("/home/{name}/"),
            url: format!("http://localhost/{name}/"),
            objects: Vec::new(),
            seen: 0,
            _access: access,
        };
        let lines = [
            page("created", root),
            page("updated", root),
            page("published", root),
        ];
        scenario.expect(&lines).await;
        scenario
    }

    /// Publishes a post below `parent`, whose slug is its title, and receives its events.
    pub async fn live_post(&mut self, parent: PageId, title: &str) -> PageId {
        let post = self.create(parent, title, Action::Publish).await;
        let lines = ["created", "updated", "published"].map(|action| page(action, post));
        self.expect(&lines).await;
        post
    }

    /// Creates a post below `parent`.
    pub async fn create(&self, parent: PageId, title: &str, action: Action) -> PageId {
        self.admin
            .create_page(parent, "blog/blogpage", &Fields::titled(title), action)
            .await
            .unwrap()
    }

    /// Changes a page.
    pub async fn edit(&self, page: PageId, fields: &Fields, action: Action) {
        self.admin.edit(page, fields, action).await.unwrap();
    }

    /// Returns the page at this path below the root.
    pub async fn page_at(&self, path: &str) -> PageId {
        let id = sqlx::query_scalar("select id::bigint from wagtailcore_page where url_path = $1")
            .bind(format!("{}{path}", self.url_path))
            .fetch_one(&mut self.stack.database().await)
            .await;
        PageId(id.unwrap())
    }

    /// Makes an object that is not a page part of the scenario.
    pub fn add_object(&mut self, subject: &str) {
        self.objects.push(subject.to_owned());
    }

    /// Receives the events since the last call, asserts that they are exactly `expected`, and returns them.
    ///
    /// A commit is in the outbox before the admin answers the request. When each row of the scenario is settled and each
    /// published event has arrived, no further event can come.
    pub async fn expect(&mut self, expected: &[EventLine]) -> Vec<Event> {
        let events = self.new_events().await;
        self.assert_lines(&events, expected);
        events
    }

    /// Receives events as [`Self::expect`] does, when one commit changes several objects. The order is asserted only
    /// within one object. Returns the events in the order of `expected`.
    pub async fn expect_together(&mut self, expected: &[EventLine]) -> Vec<Event> {
        let mut events = self.new_events().await;
        let place = |event: &Event| expected.iter().position(|line| line.1 == event.subject);
        events.sort_by_key(place);
        self.assert_lines(&events, expected);
        events
    }

    async fn new_events(&mut self) -> Vec<Event> {
        let mut events = self.all_events().await;
        events.drain(..self.seen);
        self.seen += events.len();
        events
    }

    fn assert_lines(&self, events: &[Event], expected: &[EventLine]) {
        let arrived: Vec<EventLine> = events.iter().map(line).collect();
        assert!(
            arrived == expected,
            "{}: expected\n{}arrived\n{}{events:#?}",
            self.url_path,
            list(expected),
            list(&arrived)
        );
    }

    /// Returns all events of the scenario in the order of their sequence, and verifies each.
    async fn all_events(&self) -> Vec<Event> {
        let database = Mutex::new(self.stack.database().await);
        let what = format!("the events of {}", self.url_path);
        let poll = || async { self.published_ids(&mut *database.lock().await).await };
        let published = wait_until(&Progress::quiet(), &what, WAIT_TIMEOUT, poll)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        database.into_inner().close().await.unwrap();

        let deliveries = self.deliveries();
        let mut arrived: Vec<Uuid> = deliveries.iter().map(|(_, event)| event.id).collect();
        arrived.sort_unstable();
        assert_eq!(arrived, published, "each published event arrives once");
        for (delivery, event) in &deliveries {
            assert_signed(delivery, event);
        }
        let mut events: Vec<Event> = deliveries.into_iter().map(|(_, event)| event).collect();
        for (index, event) in events.iter().enumerate() {
            let overtaken = events[index..]
                .iter()
                .find(|later| later.subject == event.subject && later.sequence < event.sequence);
            assert_eq!(overtaken, None, "arrived after {event:?}");
        }
        events.sort_by(|one, other| one.sequence.cmp(&other.sequence));
        events
    }

    /// Returns the sorted ids of the scenario's events, once all changes are settled and all events have arrived.
    async fn published_ids(
        &self,
        database: &mut PgConnection,
    ) -> Result<Wait<Vec<Uuid>>, sqlx::Error> {
        let rows: Vec<ChangeRow> = sqlx::query_as(
            "with
                 own as (
                     select unnest($1::text[]) as object
                     union select 'page/' || id from wagtailcore_page where starts_with(url_path, $2)
                 ),
                 changes as (
                     select id, object, before, after, outcome, last_error from wagrun.event
                     union all select null, object, before, after, null, null from wagrun.outbox
                 )
             select id, object, outcome, last_error from changes
             where object in (select object from own)
                 or starts_with(before ->> 'url_path', $2) or starts_with(after ->> 'url_path', $2)
             order by id",
        )
        .bind(&self.objects)
        .bind(&self.url_path)
        .fetch_all(database)
        .await?;
        let mut ids = Vec::new();
        for row in rows {
            match row.outcome.as_deref() {
                Some("published") => ids.extend(row.id),
                Some(_) => {}
                None => {
                    let why = format!("{} is not drained ({:?})", row.object, row.last_error);
                    return Ok(Wait::NotYet(self.with_arrived(why)));
                }
            }
        }
        let arrived = self.deliveries();
        let missing = ids
            .iter()
            .find(|id| !arrived.iter().any(|(_, event)| event.id == **id));
        Ok(match missing {
            None => Wait::Ready(ids),
            Some(id) => Wait::NotYet(self.with_arrived(format!("{id} has not arrived"))),
        })
    }

    /// Returns the reason for waiting, with the events that have arrived.
    fn with_arrived(&self, why: String) -> String {
        let lines: Vec<EventLine> = self
            .deliveries()
            .iter()
            .map(|(_, event)| line(event))
            .collect();
        format!("{why}; arrived\n{}", list(&lines))
    }

    /// Returns the deliveries of this scenario's events to [`CATCH_ALL`], in the order of arrival.
    fn deliveries(&self) -> Vec<(WebhookRequest, Event)> {
        self.receiver()
            .requests(CATCH_ALL)
            .into_iter()
            .filter_map(|delivery| {
                let event = delivery.event.clone().unwrap();
                self.is_own_event(&event).then_some((delivery, event))
            })
            .collect()
    }

    /// Returns true if an event is about one of the scenario's pages or objects.
    pub fn is_own_event(&self, event: &Event) -> bool {
        self.objects.contains(&event.subject)
            || [event.url_path(), event.previous_url_path()]
                .into_iter()
                .flatten()
                .any(|path| path.starts_with(&self.url_path))
    }

    /// The receiver of the shared stack.
    pub fn receiver(&self) -> &'static Receiver {
        &self.stack.local.receiver
    }

    /// Returns the URL of the page at this path below the root.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

/// Asserts the signature and the envelope of a delivery.
fn assert_signed(delivery: &WebhookRequest, event: &Event) {
    assert_eq!(delivery.signature, Ok(()), "{event:?}");
    assert_eq!(delivery.header("webhook-id"), Some(&*event.id.to_string()));
    assert_eq!(event.specversion, "1.0");
    assert_eq!(event.source, "/wagrun/wagrun-local");
    assert_eq!(event.partitionkey, event.subject);
    assert!(!event.replayed);
}
