//! `make demo SITE=…` with a site that is not in this repository. It has a settings package that reads `DATABASE_URL`, kept
//! connections, users and images of its own, translations, settings of production, and data from a dump.

use std::path::{Path, PathBuf};

use local_stack::demo::Demo;
use local_stack::own_site::OwnSiteOptions;
use sqlx::{Connection, PgConnection};
use tokio::process::Command;
use wagrun_lambda::telemetry::chain;

use crate::support::database::Database;
use crate::support::migration::MIGRATION_TIMEOUT;
use crate::support::python::environment;
use crate::support::runtime::run;

/// The environment of `tools/venv.py` with the site's packages. It is an older Wagtail than that of the stock site.
const ENVIRONMENT: &str = "wagtail-7.0";

/// Takes the place of the database in the settings that `wagtail start` writes.
const DATABASE_SETTINGS: &str = r#"
import os
from urllib.parse import parse_qsl, unquote, urlsplit

_url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_url.path[1:]),
        "HOST": _url.hostname,
        "PORT": _url.port,
        "USER": unquote(_url.username),
        "PASSWORD": unquote(_url.password or ""),
        "OPTIONS": {**dict(parse_qsl(_url.query)), "application_name": "cms"},
        "CONN_MAX_AGE": 600,
    }
}
SECRET_KEY = os.environ["SECRET_KEY"]
AUTH_USER_MODEL = "people.Editor"
WAGTAILIMAGES_IMAGE_MODEL = "photos.Photo"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS += ["people", "photos"]
WAGTAIL_I18N_ENABLED = True
LANGUAGES = WAGTAIL_CONTENT_LANGUAGES = [("en", "English"), ("de", "German")]
"#;

/// A user without a user name, as `createsuperuser --noinput` needs one.
const PEOPLE: &str = r#"
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Editors(BaseUserManager):
    def create_superuser(self, email, badge, password=None):
        return self.create(email=email, badge=badge, is_superuser=True, is_staff=True)


class Editor(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(unique=True)
    badge = models.IntegerField()
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    objects = Editors()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["badge"]
"#;

/// An image with one more field, and a site that keeps a file for each publication.
const PHOTOS: &str = r#"
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from wagtail.images.models import AbstractImage, AbstractRendition, Image
from wagtail.signals import page_published


def keep(instance, **kwargs):
    default_storage.save("published.txt", ContentFile(instance.title.encode()))


page_published.connect(keep)


class Photo(AbstractImage):
    credit = models.CharField(max_length=200, blank=True)
    admin_form_fields = Image.admin_form_fields + ("credit",)


class Rendition(AbstractRendition):
    image = models.ForeignKey(Photo, on_delete=models.CASCADE, related_name="renditions")

    class Meta:
        unique_together = (("image", "filter_spec", "focal_point_key"),)
"#;

/// A site in a directory of its own, which is removed on drop.
pub(super) struct Site {
    pub(super) directory: PathBuf,
    pub(super) venv: PathBuf,
}

impl Site {
    /// Makes a site with the command of this environment's Wagtail, and changes it as a team would.
    pub(super) async fn start(packages: &str) -> Self {
        let venv = environment(packages).await;
        let name = format!("own-site-{}", uuid::Uuid::new_v4().simple());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let site = Self { directory, venv };
        let mut start = site.command("wagtail");
        ended(start.args(["start", "mysite", "."])).await;

        let base = site.directory.join("mysite/settings/base.py");
        let settings = std::fs::read_to_string(&base).unwrap();
        let (before, rest) = settings.split_once("DATABASES = {").unwrap();
        let (_, after) = rest.split_once("# Password validation").unwrap();
        std::fs::write(&base, format!("{before}{DATABASE_SETTINGS}\n{after}")).unwrap();
        for (app, models) in [("people", PEOPLE), ("photos", PHOTOS)] {
            let app = site.directory.join(app);
            std::fs::create_dir_all(app.join("migrations")).unwrap();
            std::fs::write(app.join("migrations/__init__.py"), "").unwrap();
            std::fs::write(app.join("__init__.py"), "").unwrap();
            std::fs::write(app.join("models.py"), models).unwrap();
        }
        site
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.venv.join("bin").join(program));
        command.current_dir(&self.directory).kill_on_drop(true);
        command
    }

    pub(super) async fn manage(&self, url: &str, arguments: &[&str]) {
        let mut manage = self.command("python");
        manage.arg("manage.py").args(arguments);
        manage.env("SECRET_KEY", "of the test");
        ended(manage.env("DATABASE_URL", url)).await;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // An error leaves files in the temporary directory, where they do no harm.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

async fn ended(command: &mut Command) {
    let output = tokio::time::timeout(MIGRATION_TIMEOUT, command.output());
    let output = output.await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

/// Dumps the database of the site, with owners and rights as pg_dump writes them, and with the statements that make the database.
async fn dump(database: &Database, to: &Path) {
    let mut dump = Command::new(database.postgres().binaries().join("pg_dump"));
    let url = database.url();
    ended(dump.args(["--create", "--dbname", &url, "--file"]).arg(to)).await;
}

#[test]
fn a_site_that_reads_a_url_is_watched_and_its_event_arrives_signed() {
    run(async {
        let site = Site::start(ENVIRONMENT).await;
        // The site's years before wagrun.
        let database = Database::empty().await;
        let url = database.url();
        site.manage(&url, &["makemigrations", "people", "photos"])
            .await;
        site.manage(&url, &["migrate", "--verbosity=0"]).await;
        let mut session = database.connect().await;
        sqlx::query("update wagtailcore_page set title = 'From the dump' where depth = 2")
            .execute(&mut session)
            .await
            .unwrap();
        session.close().await.unwrap();
        let file = site.directory.join("site.sql");
        dump(&database, &file).await;

        let text = |path: &Path| Some(path.to_str().unwrap().to_owned());
        let options = OwnSiteOptions {
            site: text(&site.directory).unwrap(),
            venv: text(&site.venv),
            settings: Some("mysite.settings.production".to_owned()),
            dump: text(&file),
            ..OwnSiteOptions::default()
        };
        let demo = Demo::start(false, Some(options)).await;
        let demo = demo.unwrap_or_else(|error| panic!("{}", chain(&error)));
        // Publishes the front page, and fails unless its event arrives with a signature that verifies.
        demo.publish_and_follow().await.unwrap();
        // Settings of production answer here as well, and the files of the demo are not among those of the site.
        for path in ["/", "/admin/login/", "/static/wagtailadmin/css/core.css"] {
            let url = format!("{}{path}", demo.site_url());
            // It ends with an error for any status of a failure.
            let get = format!("import urllib.request; urllib.request.urlopen({url:?})");
            ended(site.command("python").args(["-c", &get])).await;
        }
        assert!(!site.directory.join("media").exists());

        let mut session = PgConnection::connect(&demo.database_url()).await.unwrap();
        let (title, editor_table): (String, Option<String>) = sqlx::query_as(
            "select title, (select value from wagrun.setting where name = 'user_table')
             from wagtailcore_page where depth = 2",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert_eq!(title, "From the dump");
        assert_eq!(editor_table.as_deref(), Some("public.people_editor"));
        let watched: Vec<String> = sqlx::query_scalar(
            "select relation::regclass::text from wagrun.watched_table where kind in ('image', 'page') order by 1",
        )
        .fetch_all(&mut session)
        .await
        .unwrap();
        session.close().await.unwrap();
        for table in ["home_homepage", "photos_photo", "wagtailcore_page"] {
            assert!(watched.iter().any(|it| it == table), "{table}: {watched:?}");
        }
    });
}
