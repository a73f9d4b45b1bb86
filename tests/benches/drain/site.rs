//! A site's database with ten thousand pages, the outbox of wagrun, and the plain outbox of the Python peer.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use local_stack::migrate_config::{RELAY_ROLE, migrate_config};
use local_stack::postgres::{Durability, Postgres, SUPERUSER};
use local_stack::tools::Tools;
use migrate::{Invocation, Migrator};
use sqlx::{Connection as _, PgConnection};
use testing::checkout;
use testing::process::Supervisor;
use testing::progress::Progress;
use wagrun_database::connection::DatabaseConfig;

use crate::function::Function;
use crate::topic::Topic;

pub const PAGES: i32 = 10_000;
const DATABASE: &str = "site";

/// Pages of the stock site below its front page, with 2 kB of text each. Wagtail's tree has four characters for each level.
const ADD_PAGES: &str = "
    set wagrun.capture = 'off';
    insert into wagtailcore_page
        (path, depth, numchild, title, draft_title, slug, url_path, live, has_unpublished_changes, content_type_id, locale_id,
         translation_key, seo_title, search_description, show_in_menus, expired, locked, first_published_at)
    select parent.path || upper(lpad(to_hex(number), 4, '0')), parent.depth + 1, 0, 'Page ' || number, 'Page ' || number,
        'page-' || number, parent.url_path || 'page-' || number || '/', true, false, type.id, parent.locale_id, gen_random_uuid(),
        '', 'About page ' || number, false, false, false, now()
    from generate_series(1, 10000) as number, wagtailcore_page as parent, django_content_type as type
    where parent.id = 3 and type.app_label = 'blog' and type.model = 'blogpage';
    insert into blog_blogpage (page_ptr_id, date, intro, body)
    select id, '2026-01-01', title, jsonb_build_array(jsonb_build_object('type', 'paragraph', 'value', repeat(md5(id::text), 60)))
    from wagtailcore_page where title like 'Page %';
    create table bench_page as select id, row_number() over (order by id) as number from wagtailcore_page where title like 'Page %';
    create unique index on bench_page (number);
    vacuum analyze";

/// The outbox that a team writes first: the row as JSON, by one trigger.
const PLAIN_OUTBOX: &str = "
    create schema plain;
    create table plain.outbox (id bigint generated always as identity primary key, object text, old jsonb, new jsonb);";

/// The database, with its server.
pub struct Site {
    pub supervisor: Supervisor,
    pub tools: Tools,
    postgres: Postgres,
}

impl Site {
    /// Creates the database by wagrun's migrate, and adds the pages.
    pub async fn new() -> Result<Self, Box<dyn Error>> {
        let progress = Progress::quiet();
        let tools = Tools::install(checkout(), &progress).await?;
        let supervisor = Supervisor::start("bench", &checkout().join(".local/logs"))?;
        let venv = tools.environment("postgres");
        let postgres = Postgres::start(&supervisor, &venv, Durability::Durable, &progress).await?;
        postgres.create_database(DATABASE, None).await?;
        let site = Self {
            supervisor,
            tools,
            postgres,
        };
        site.migrate().await?;
        let mut session = site.owner().await?;
        for statement in ADD_PAGES.split(";\n").chain([PLAIN_OUTBOX]) {
            sqlx::raw_sql(statement).execute(&mut session).await?;
        }
        Ok(site)
    }

    async fn migrate(&self) -> Result<(), Box<dyn Error>> {
        let config = migrate_config(
            DatabaseConfig::trusted(self.postgres.url(DATABASE).parse()?),
            &self.tools,
        );
        let sdk = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .build();
        let invocation = Invocation {
            id: "bench".to_owned(),
            image: None,
            capture: None,
            is_stack_update: false,
            stop_at: tokio::time::Instant::now() + Duration::from_secs(800),
        };
        Migrator::new(config, &sdk).migrate(&invocation).await?;
        Ok(())
    }

    /// Opens a session of the role that owns the database.
    pub async fn owner(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.postgres.url(DATABASE)).await
    }

    /// Opens a session of the superuser, which Aurora does not give to its users.
    pub async fn superuser(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.postgres.url_as(SUPERUSER, DATABASE)).await
    }

    /// Changes so many pages in one transaction, and removes the history.
    pub async fn fill(&self, session: &mut PgConnection, changes: i32) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("delete from wagrun.event")
            .execute(&mut *session)
            .await?;
        sqlx::query(
            "update wagtailcore_page set title = 'Backlog ' || gen_random_uuid()
             where id in (select id from bench_page where number <= $1)",
        )
        .bind(changes)
        .execute(session)
        .await
        .map(drop)
    }

    /// Starts content-events.
    pub async fn content_events(&self, topic: &Topic) -> Result<Function, Box<dyn Error>> {
        let command = vec![binary("content-events")?];
        let environment = vec![
            ("DATABASE_USER", RELAY_ROLE.to_owned()),
            ("DATABASE_SSL_MODE", "disable".to_owned()),
            ("DATABASE_AUTH", "none".to_owned()),
            ("EVENT_SOURCE", "https://example.org/".to_owned()),
            ("METRICS_NAMESPACE", "wagrun/bench".to_owned()),
        ];
        self.start("content-events", command, topic, environment)
            .await
    }

    /// Starts the peer in Python.
    pub async fn peer(&self, topic: &Topic) -> Result<Function, Box<dyn Error>> {
        let python = self.tools.program("peer", "python");
        let command = ["-m", "awslambdaric", "peer.handler"].map(PathBuf::from);
        let command = std::iter::once(python).chain(command).collect();
        let directory = checkout().join("tests/benches/drain");
        let environment = vec![
            ("PYTHONPATH", directory.to_string_lossy().into_owned()),
            ("DATABASE_USER", local_stack::postgres::MASTER.to_owned()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        self.start("peer", command, topic, environment).await
    }

    async fn start(
        &self,
        name: &'static str,
        command: Vec<PathBuf>,
        topic: &Topic,
        mut environment: Vec<(&'static str, String)>,
    ) -> Result<Function, Box<dyn Error>> {
        environment.extend([
            ("DATABASE_HOST", "127.0.0.1".to_owned()),
            ("DATABASE_PORT", self.postgres.port().to_string()),
            ("DATABASE_NAME", DATABASE.to_owned()),
            (
                "TOPIC_ARN",
                "arn:aws:sns:us-east-1:000000000000:events.fifo".to_owned(),
            ),
        ]);
        Function::start(
            &self.supervisor,
            name,
            command,
            &topic.endpoint,
            environment,
        )
        .await
    }
}

/// Returns the program of a function, which was built with the profile of this benchmark.
pub fn binary(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    // This program is in `deps`, beside which the programs are.
    let bench = std::env::current_exe()?;
    let directory = bench.parent().and_then(|deps| deps.parent());
    let binary = directory.ok_or("no directory")?.join(name);
    match binary.exists() {
        true => Ok(binary),
        false => Err(format!("{} is not built", binary.display()).into()),
    }
}
