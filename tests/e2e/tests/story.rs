//! What one test does in the admin, under a page of its own, and what arrives of it.

use local_stack::admin::{Action, Admin, Fields, PageId};
use sqlx::{Connection, PgConnection};
use testing::progress::{Progress, Wait, wait_until};
use testing::receiver::{Receiver, WebhookRequest};
use tokio::sync::Mutex;
use uuid::Uuid;
use wagrun_event::Event;
use wagrun_lambda::telemetry::chain;

use crate::world::{EVERYTHING, PATIENCE, Turn, World};

/// Wagtail counts the place of a new child and then takes it, which two editors must not do at once.
static FRONT_PAGE: Mutex<()> = Mutex::const_new(());

/// Type and subject of an event.
pub type Line = (String, String);

/// What a test does and what arrives of it; everything of others is left out.
pub struct Story {
    pub world: &'static World,
    pub admin: Admin,
    /// A live page under the front page, under which the test makes its own.
    pub root: PageId,
    /// The root's `url_path`, which every page of the test has at its beginning.
    pub url_path: String,
    /// The root's address.
    pub url: String,
    objects: Vec<String>,
    told: usize,
    _turn: Turn,
}

/// A page's event.
pub fn page(action: &str, page: PageId) -> Line {
    (format!("wagtail.page.{action}"), format!("page/{page}"))
}

/// Any other object's event: `image.created`, `image/3`.
pub fn object(kind: &str, subject: &str) -> Line {
    (format!("wagtail.{kind}"), subject.to_owned())
}

/// Names of the changed fields of an event.
pub fn changed(event: &Event) -> Vec<&str> {
    let names = event.data["changed"].as_array().unwrap();
    names.iter().map(|name| name.as_str().unwrap()).collect()
}

/// A change in the outbox, which has no id yet, or an event.
#[derive(sqlx::FromRow)]
struct Noted {
    id: Option<Uuid>,
    object: String,
    outcome: Option<String>,
    last_error: Option<String>,
}

impl Story {
    /// Begins with a root page whose slug is `name`, and which is live and forgotten when this returns.
    pub async fn new(name: &str) -> Self {
        let turn = Turn::with_others().await;
        Self::begin(name, World::get().await, turn).await
    }

    /// The same, while no other story is told.
    pub async fn alone(name: &str) -> Self {
        let turn = Turn::alone().await;
        Self::begin(name, World::get().await, turn).await
    }

    /// The same in the stack whose database rings by its log alone, which no test breaks.
    pub async fn by_log(name: &str) -> Self {
        Self::begin(name, World::by_log().await, Turn::ByLog).await
    }

    async fn begin(name: &str, world: &'static World, turn: Turn) -> Self {
        let stack = &world.stack;
        let admin = stack.admin().await.unwrap();
        let fields = Fields::titled(name).slug(name);
        let root = {
            let _place = FRONT_PAGE.lock().await;
            admin
                .create_page(stack.home, "blog/blogindexpage", &fields, Action::Publish)
                .await
                .unwrap()
        };
        let mut story = Self {
            world,
            admin,
            root,
            url_path: format!("/home/{name}/"),
            url: format!("http://localhost/{name}/"),
            objects: Vec::new(),
            told: 0,
            _turn: turn,
        };
        let lines = [
            page("created", root),
            page("updated", root),
            page("published", root),
        ];
        story.expect(&lines).await;
        story
    }

    /// Makes a live post under `parent`, whose slug is its title, and forgets its events.
    pub async fn live_post(&mut self, parent: PageId, title: &str) -> PageId {
        let post = self.create(parent, title, Action::Publish).await;
        let lines = ["created", "updated", "published"].map(|action| page(action, post));
        self.expect(&lines).await;
        post
    }

    /// Makes a post under `parent`.
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

    /// The page at this path under the root.
    pub async fn page_at(&self, path: &str) -> PageId {
        let id = sqlx::query_scalar("select id::bigint from wagtailcore_page where url_path = $1")
            .bind(format!("{}{path}", self.url_path))
            .fetch_one(&mut self.world.database().await)
            .await;
        PageId(id.unwrap())
    }

    /// From now on events of this object, which is no page, are part of the story.
    pub fn owns(&mut self, subject: &str) {
        self.objects.push(subject.to_owned());
    }

    /// Receives what was not told yet, which must be exactly `expected`, and returns it.
    ///
    /// Every commit is in the outbox by the time its click has been answered. So once each of the story's rows is
    /// settled, and each published one has arrived, there is nothing more to come.
    pub async fn expect(&mut self, expected: &[Line]) -> Vec<Event> {
        let events = self.news().await;
        self.assert_are(&events, expected);
        events
    }

    /// The same where one commit touches several objects: each object's events are in order, the objects in none.
    /// Returned in the order expected.
    pub async fn expect_together(&mut self, expected: &[Line]) -> Vec<Event> {
        let mut events = self.news().await;
        let place = |event: &Event| expected.iter().position(|line| line.1 == event.subject);
        events.sort_by_key(place);
        self.assert_are(&events, expected);
        events
    }

    async fn news(&mut self) -> Vec<Event> {
        let mut events = self.everything().await;
        events.drain(..self.told);
        self.told += events.len();
        events
    }

    fn assert_are(&self, events: &[Event], expected: &[Line]) {
        let arrived: Vec<Line> = events.iter().map(line).collect();
        assert!(
            arrived == expected,
            "{}: expected\n{}arrived\n{}{events:#?}",
            self.url_path,
            list(expected),
            list(&arrived)
        );
    }

    /// All of the story's events in the order in which they were drained, each verified.
    async fn everything(&self) -> Vec<Event> {
        let database = Mutex::new(self.world.database().await);
        let what = format!("the events of {}", self.url_path);
        let look = || async { self.published(&mut *database.lock().await).await };
        let published = wait_until(&Progress::quiet(), &what, PATIENCE, look)
            .await
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        database.into_inner().close().await.unwrap();

        let deliveries = self.deliveries();
        let mut arrived: Vec<Uuid> = deliveries.iter().map(|(_, event)| event.id).collect();
        arrived.sort_unstable();
        assert_eq!(arrived, published, "each published event arrives once");
        for (delivery, event) in &deliveries {
            assert_genuine(delivery, event);
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

    /// The sorted ids of the story's events, once all are settled and have arrived.
    async fn published(&self, database: &mut PgConnection) -> Result<Wait<Vec<Uuid>>, sqlx::Error> {
        let rows: Vec<Noted> = sqlx::query_as(
            "with
                 own as (
                     select unnest($1::text[]) as object
                     union select 'page/' || id from wagtailcore_page where starts_with(url_path, $2)
                 ),
                 noted as (
                     select id, object, before, after, outcome, last_error from wagrun.event
                     union all select null, object, before, after, null, null from wagrun.outbox
                 )
             select id, object, outcome, last_error from noted
             where object in (select object from own)
                 or starts_with(before ->> 'url_path', $2) or starts_with(after ->> 'url_path', $2)
             order by id",
        )
        .bind(&self.objects)
        .bind(&self.url_path)
        .fetch_all(database)
        .await?;
        let mut ids = Vec::new();
        for noted in rows {
            match noted.outcome.as_deref() {
                Some("published") => ids.extend(noted.id),
                Some(_) => {}
                None => {
                    let why = format!("{} is not drained ({:?})", noted.object, noted.last_error);
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

    fn with_arrived(&self, why: String) -> String {
        let lines: Vec<Line> = self
            .deliveries()
            .iter()
            .map(|(_, event)| line(event))
            .collect();
        format!("{why}; arrived\n{}", list(&lines))
    }

    /// What `EVERYTHING` was sent of this story, in the order of arrival.
    fn deliveries(&self) -> Vec<(WebhookRequest, Event)> {
        self.receiver()
            .requests(EVERYTHING)
            .into_iter()
            .filter_map(|delivery| {
                let event = delivery.event.clone().unwrap();
                self.is_mine(&event).then_some((delivery, event))
            })
            .collect()
    }

    /// Whether an event is about one of the story's pages or objects.
    pub fn is_mine(&self, event: &Event) -> bool {
        self.objects.contains(&event.subject)
            || [event.url_path(), event.previous_url_path()]
                .into_iter()
                .flatten()
                .any(|path| path.starts_with(&self.url_path))
    }

    pub fn receiver(&self) -> &'static Receiver {
        &self.world.stack.receiver
    }

    /// The address of a page of the story, by its path under the root.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

fn line(event: &Event) -> Line {
    (event.kind.clone(), event.subject.clone())
}

fn assert_genuine(delivery: &WebhookRequest, event: &Event) {
    assert_eq!(delivery.signature, Ok(()), "{event:?}");
    assert_eq!(delivery.header("webhook-id"), Some(&*event.id.to_string()));
    assert_eq!(event.specversion, "1.0");
    assert_eq!(event.source, "/wagrun/wagrun-local");
    assert_eq!(event.partitionkey, event.subject);
    assert!(!event.replayed);
}

fn list(lines: &[Line]) -> String {
    lines
        .iter()
        .map(|(kind, subject)| format!("  {kind} {subject}\n"))
        .collect()
}
