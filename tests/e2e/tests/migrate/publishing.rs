//! Scheduled publishing on a real Wagtail: an object that cannot be published or expired keeps no other back, and is reported.

use std::process::Output;

use local_stack::postgres::MASTER;
use migrate::{Answer, Command, CommandError, Migrator, Publication};
use sqlx::PgConnection;
use wagrun_event::fifo::fifo_id;
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::due_times::{forget_schedule_changes, pending_schedule_changes};
use crate::support::migration::{invocation, migrate_config};
use crate::support::python::environment;
use crate::support::runtime::run;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::site_copy::SiteCopy;
use crate::support::sql::execute;

/// A site of its own on a database of its own.
struct Site {
    database: Database,
    copy: SiteCopy,
    config: migrate::Config,
}

impl Site {
    /// Copies the site and adds `models` to the blog's.
    async fn with_models(models: &str) -> Self {
        let database = Database::new().await;
        let copy = SiteCopy::with_operations("");
        copy.append("blog/models.py", models);
        let mut config = migrate_config(database.config(MASTER)).await;
        config.site_directory = copy.directory().to_owned();
        let site = Self {
            database,
            copy,
            config,
        };
        site.manage(&["makemigrations", "blog"]).await;
        let migrated = site.migrator().migrate(&invocation()).await;
        migrated.unwrap();
        site
    }

    fn migrator(&self) -> Migrator {
        Migrator::new(self.config.clone(), &sdk(UNREACHABLE_ENDPOINT))
    }

    async fn publish(&self) -> Result<Publication, CommandError> {
        let answer = self
            .migrator()
            .command(Command::PublishScheduled, &invocation())
            .await?;
        match answer {
            Answer::Published(published) => Ok(published),
            other => panic!("{other:?}"),
        }
    }

    async fn manage(&self, arguments: &[&str]) -> Output {
        let output = tokio::process::Command::new(&self.config.site_python)
            .arg("manage.py")
            .args(arguments)
            .current_dir(self.copy.directory())
            .envs(self.config.database.variables(None).await.unwrap())
            .env("SECRET_KEY", "of a test")
            .output()
            .await
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        output
    }
}

/// Returns the recorded failures: the key of the row, the number of failures, and the reason.
async fn recorded(session: &mut PgConnection) -> Vec<(i32, String)> {
    sqlx::query_as("select failures, reason from wagrun.failed_publication order by due, reason")
        .fetch_all(session)
        .await
        .unwrap()
}

async fn texts(session: &mut PgConnection, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).fetch_all(session).await.unwrap()
}

const LIVE: &str =
    "select title::text from wagtailcore_page where depth > 2 and live order by last_published_at";
const LOG: &str = "select action || ' ' || label from wagtailcore_pagelogentry where action like '%.scheduled' order by timestamp, id";
/// The SHA-256 of `handle` in Wagtail 7.0 to 8.0.
const HASH_OF_HANDLE: &str = "fba3b43425eb685ce0eff6beffb933ddd37bd7afa2ce4b556be6cf2d46172c1c";
/// The pages whose revisions are still due.
const STILL_DUE: &str =
    "select object_str from wagtailcore_revision where approved_go_live_at is not null
     order by approved_go_live_at";

#[test]
fn broken_objects_keep_no_other_back_and_are_reported_once_and_then_less_and_less() {
    run(async {
        let site = Site::with_models(include_str!("publishing/broken_models.py")).await;
        let setup = include_str!("publishing/broken_schedules.py");
        site.manage(&["shell", "--command", setup]).await;
        let mut session = site.database.connect().await;
        forget_schedule_changes(&mut session).await;

        let error = chain(&site.publish().await.unwrap_err());
        assert!(
            error.starts_with(
                "10 due objects could not be published or expired, and all others were handled; the first: cannot expire blog.blogpage/"
            ) && error.contains("\"Trigger refuses to expire\"")
                && error.contains("refused by a trigger"),
            "{error}"
        );
        assert_eq!(
            texts(&mut session, LIVE).await,
            [
                "Trigger refuses to expire",
                "Receiver fails after publication",
                "Goes live first",
                "Goes live second"
            ]
        );
        assert_eq!(
            texts(&mut session, LOG).await,
            [
                "wagtail.unpublish.scheduled Receiver fails after expiry",
                "wagtail.unpublish.scheduled Expires",
                "wagtail.publish.scheduled Goes live first",
                "wagtail.publish.scheduled Goes live second"
            ]
        );
        let expired = "select title::text from wagtailcore_page where expired order by expire_at";
        assert_eq!(
            texts(&mut session, expired).await,
            ["Receiver fails after expiry", "Expires"]
        );
        let notices = "select text from blog_notice where expired";
        assert_eq!(texts(&mut session, notices).await, ["readable"]);
        // What could not be published stays due, also where Wagtail withdraws the approval before it saves.
        let still_due = [
            "Deleted by SQL",
            "Halved by SQL",
            "Of no model",
            "Does not load",
            "Is not valid",
            "Trigger refuses to publish",
        ];
        assert_eq!(texts(&mut session, STILL_DUE).await, still_due);
        let reasons = recorded(&mut session).await;
        assert!(reasons.iter().all(|(failures, _)| *failures == 1));
        for reason in [
            "it has expired, and then RuntimeError: of a receiver",
            "it is published, and then RuntimeError: of a receiver",
            "its object no longer exists",
            "no longer exists",
            "ValidationError: {'title': ['This field cannot be blank.']}",
            "ValueError: a value of an earlier version",
        ] {
            let is_there = reasons.iter().any(|(_, found)| found.ends_with(reason));
            assert!(is_there, "{reason}: {reasons:?}");
        }
        // The doorbell has rung for the times of the next attempts. Nothing is due before.
        assert!(pending_schedule_changes(&mut session).await > 0);
        let next: Vec<bool> = sqlx::query_scalar(
            "select minute between now() + interval '55 minutes' and now() + interval '62 minutes'
             from wagrun.due_minutes(now(), 10) as minute",
        )
        .fetch_all(&mut session)
        .await
        .unwrap();
        assert!(
            !next.is_empty() && next.iter().all(|is_next| *is_next),
            "{next:?}"
        );

        // A run for another page tries them too. It succeeds, because they were reported a short time ago.
        let published = site.publish().await.unwrap();
        assert_eq!(
            (published.published, published.expired, published.failed),
            (Some(0), Some(0), 8)
        );
        execute(
            &mut session,
            "update wagrun.failed_publication set retry_at = now()",
        )
        .await;
        let error = site.publish().await.unwrap_err().to_string();
        assert!(error.starts_with("8 due objects"), "{error}");
        let tomorrow: bool = sqlx::query_scalar(
            "select bool_and(failures = 2 and retry_at > now() + interval '23 hours') from wagrun.failed_publication",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert!(tomorrow);

        // An editor or an operator repairs them, and nothing is left of them.
        execute(
            &mut session,
            "drop trigger refuse on wagtailcore_page;\n
             update wagtailcore_revision set content = content || '{\"title\": \"Valid\"}' where object_str = 'Is not valid';\n
             update wagtailcore_revision set content = content || '{\"date\": \"2026-01-01\"}' where object_str = 'Does not load';\n
             update blog_notice set text = 'readable again' where text = 'unreadable';\n
             update wagtailcore_revision set approved_go_live_at = null
                 where object_str in ('Deleted by SQL', 'Halved by SQL', 'Of no model')",
        )
        .await;
        let published = site.publish().await.unwrap();
        assert_eq!(
            (published.published, published.expired, published.failed),
            (Some(3), Some(2), 0)
        );
        assert_eq!(recorded(&mut session).await, []);
        assert_eq!(texts(&mut session, STILL_DUE).await, [""; 0]);
    });
}

#[test]
fn a_new_version_of_the_site_tries_everything_at_once() {
    run(async {
        let site = Site::with_models("").await;
        let mut session = site.database.connect().await;
        execute(
            &mut session,
            "insert into wagrun.failed_publication values ('wagtailcore_revision', '1', now(), 3, now() + interval '1 day', '')",
        )
        .await;
        site.migrator().migrate(&invocation()).await.unwrap();
        assert_eq!(recorded(&mut session).await, []);
    });
}

/// The site's own command is found as `manage.py` finds it. What it does beside Wagtail's is done, and fails as it fails there.
#[test]
fn a_command_of_the_sites_own_is_respected() {
    run(async {
        let site = Site::with_models(include_str!("publishing/broken_models.py")).await;
        let setup = include_str!("publishing/broken_schedules.py");
        site.manage(&["shell", "--command", setup]).await;
        let command = |handle: &str| {
            let code = format!(
                "from wagtail.management.commands.publish_scheduled import Command as Wagtails\n\n\n\
                 class Command(Wagtails):\n    def handle(self, *args, **options):\n        {handle}\n"
            );
            site.copy.write_file("blog/management/__init__.py", "");
            site.copy
                .write_file("blog/management/commands/__init__.py", "");
            site.copy
                .write_file("blog/management/commands/publish_scheduled.py", &code);
        };
        command(
            "super().handle(*args, **options)\n        self.stdout.write('the cache is purged')",
        );
        let error = site.publish().await.unwrap_err().to_string();
        assert!(error.starts_with("10 due objects"), "{error}");
        let mut session = site.database.connect().await;
        let live = texts(&mut session, LIVE).await;
        assert!(live.contains(&"Goes live second".to_owned()), "{live:?}");
        let published = site.publish().await.unwrap();
        assert_eq!(published.output.last().unwrap(), "the cache is purged");

        command("self.stdout.write('nothing is published here')");
        let published = site.publish().await.unwrap();
        assert_eq!((published.published, published.expired), (None, None));
        assert_eq!(published.output, ["nothing is published here"]);
        command("raise RuntimeError('of the site')");
        let error = site.publish().await.unwrap_err().to_string();
        assert!(error.contains("RuntimeError: of the site"), "{error}");
    });
}

/// `publish_scheduled.py` does what this method of Wagtail's does. When a new version of Wagtail changes the method, compare the
/// two, and then write the new hash here.
#[test]
fn wagtails_own_command_is_the_one_that_is_known() {
    run(async {
        for name in ["site", "older-site"] {
            let library = environment(name).await.join("lib");
            let python = std::fs::read_dir(library).unwrap().next().unwrap();
            let command = "site-packages/wagtail/management/commands/publish_scheduled.py";
            let source = std::fs::read_to_string(python.unwrap().path().join(command)).unwrap();
            let (_, handle) = source.split_once("    def handle(").unwrap();
            // The hash of a text that is no id is its SHA-256.
            assert_eq!(fifo_id(handle), HASH_OF_HANDLE, "{name}");
        }
    });
}
