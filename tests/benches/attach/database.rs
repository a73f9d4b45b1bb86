//! A site's database that has been in use for years: 20 000 pages, a million revisions, 100 000 images. wagrun is not in it.

use std::error::Error;
use std::time::Duration;

use local_stack::postgres::{Durability, MASTER, Postgres, SUPERUSER};
use local_stack::tools::Tools;
use sqlx::{Connection as _, PgConnection};
use testing::checkout;
use testing::process::Supervisor;
use testing::progress::Progress;
use tokio::process::Command;

pub const PAGES: i32 = 20_000;
const NAME: &str = "cms";
/// The longest time that Django's own migrations may take.
const DJANGO_TIMEOUT: Duration = Duration::from_secs(300);

/// The wait for a lock after which the server logs it. As short as it can be of use: the server looks for a deadlock then.
pub const LOGGED_WAIT: &str = "10ms";

/// Content as years of editing leave it, with the pages below the front page. The tables of numbers name them without gaps.
const FILL: &str = "
    insert into wagtailcore_page
        (path, depth, numchild, title, draft_title, slug, url_path, live, has_unpublished_changes, content_type_id, locale_id,
         translation_key, seo_title, search_description, show_in_menus, expired, locked, first_published_at)
    select parent.path || upper(lpad(to_hex(number), 4, '0')), parent.depth + 1, 0, 'Page ' || number, 'Page ' || number,
        'page-' || number, parent.url_path || 'page-' || number || '/', true, false, type.id, parent.locale_id, gen_random_uuid(),
        '', '', false, false, false, now()
    from generate_series(1, 20000) as number, wagtailcore_page as parent, django_content_type as type
    where parent.id = 3 and type.app_label = 'blog' and type.model = 'blogpage';
    insert into blog_blogpage (page_ptr_id, date, intro, body)
    select id, '2026-01-01', title, jsonb_build_array(jsonb_build_object('type', 'paragraph', 'value', repeat(md5(id::text), 60)))
    from wagtailcore_page where title like 'Page %';
    create table bench_page as select id, row_number() over (order by id)::int as number from wagtailcore_page where title like 'Page %';
    create unique index on bench_page (number);
    insert into wagtailcore_revision (content_type_id, base_content_type_id, object_id, object_str, created_at, content)
    select type.id, base.id, bench_page.id::text, 'Page', now() - nth * interval '1 minute',
        jsonb_build_object('title', 'Page', 'body', repeat(md5(nth::text || bench_page.id), 15))
    from generate_series(1, 50) as nth, bench_page, django_content_type as type, django_content_type as base
    where type.app_label = 'blog' and type.model = 'blogpage' and base.app_label = 'wagtailcore' and base.model = 'page';
    insert into wagtailimages_image (title, file, width, height, created_at, file_hash, collection_id, description)
    select 'Image ' || number, 'original_images/' || number || '.png', 10, 10, now(), md5(number::text),
        (select min(id) from wagtailcore_collection), ''
    from generate_series(1, 100000) as number;
    create table bench_image as select id, row_number() over (order by id)::int as number from wagtailimages_image;
    create unique index on bench_image (number);
    analyze";

/// The database, with its server.
pub struct SiteDatabase {
    pub tools: Tools,
    postgres: Postgres,
    _supervisor: Supervisor,
}

impl SiteDatabase {
    /// Creates the database by Django's own migrations, and fills it.
    pub async fn new() -> Result<Self, Box<dyn Error>> {
        let progress = Progress::quiet();
        let tools = Tools::install(checkout(), &progress).await?;
        let supervisor = Supervisor::start("bench", &checkout().join(".local/logs"))?;
        let venv = tools.environment("postgres");
        let postgres = Postgres::start(&supervisor, &venv, Durability::Fast, &progress).await?;
        postgres.create_database(NAME, None).await?;
        let database = Self {
            tools,
            postgres,
            _supervisor: supervisor,
        };
        database.migrate_without_wagrun().await?;
        let url = database.postgres.url_as(SUPERUSER, NAME);
        let mut superuser = PgConnection::connect(&url).await?;
        let settings = format!(
            "alter system set log_lock_waits = on;\nalter system set deadlock_timeout = '{LOGGED_WAIT}';\n
             alter system set max_wal_size = '8GB';\nselect pg_reload_conf()"
        );
        let mut owner = database.session().await?;
        for statement in settings.split(";\n") {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
                .execute(&mut superuser)
                .await?;
        }
        for statement in FILL.split(";\n") {
            sqlx::raw_sql(statement).execute(&mut owner).await?;
        }
        Ok(database)
    }

    async fn migrate_without_wagrun(&self) -> Result<(), Box<dyn Error>> {
        let mut django = Command::new(self.tools.program("site", "python"));
        django
            .args(["manage.py", "migrate", "--no-input", "--verbosity=0"])
            .current_dir(checkout().join("site"))
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", self.postgres.port().to_string())
            .env("DATABASE_NAME", NAME)
            .env("DATABASE_USER", MASTER)
            .env("DATABASE_SSL_MODE", "disable")
            .env_remove("DATABASE_PASSWORD")
            .env("SECRET_KEY", "of a benchmark")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .kill_on_drop(true);
        let output = tokio::time::timeout(DJANGO_TIMEOUT, django.output()).await??;
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into()),
        }
    }

    /// Returns the address of the database, for the role that owns it.
    pub fn url(&self) -> String {
        self.postgres.url(NAME)
    }

    /// Opens a session of the role that owns the database.
    pub async fn session(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url()).await
    }

    /// Returns a sentence about the content.
    pub async fn describe(&self) -> Result<String, sqlx::Error> {
        sqlx::query_scalar(
            "select format('%s pages, %s revisions, %s images, %s MB; %s editors, %s visitors',
                 (select count(*) from wagtailcore_page), (select count(*) from wagtailcore_revision),
                 (select count(*) from wagtailimages_image), pg_database_size(current_database()) / 1000000, $1::int, $2::int)",
        )
        .bind(crate::steps::EDITORS)
        .bind(crate::steps::VISITORS)
        .fetch_one(&mut self.session().await?)
        .await
    }

    /// Returns the length of the server's log in bytes.
    pub fn log_length(&self) -> std::io::Result<usize> {
        Ok(std::fs::read(self.postgres.log())?.len())
    }

    /// Returns the server's log after a position in bytes.
    pub fn log_after(&self, position: usize) -> std::io::Result<String> {
        let log = std::fs::read(self.postgres.log())?;
        let rest = log.get(position..).unwrap_or_default();
        Ok(String::from_utf8_lossy(rest).into_owned())
    }
}
