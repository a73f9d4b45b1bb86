//! The demo of a site of the user's own: what is watched, an account, and one page that is published again.

use sqlx::{Connection as _, PgConnection};
use testing::process::ProcessError;

use super::{Demo, DemoError};
use crate::own_site::OwnSite;
use crate::site_database::Database;
use crate::stack::{DATABASE, WEB_USER};

/// Publishes the front page again, as an editor does who changes nothing. Prints its id.
const PUBLISH: &str = "\
from wagtail.models import Page, Site
site = Site.objects.filter(is_default_site=True).first()
page = site.root_page if site else Page.objects.filter(depth__gt=1).first()
if page is None or page.depth < 2:
    print('WAGRUN-PAGE none')
else:
    page.specific.save_revision().publish()
    print('WAGRUN-PAGE', page.pk)
";
/// The start of the line with the page's id.
const PAGE_MARKER: &str = "WAGRUN-PAGE ";
/// The name of the account where the usual one is taken.
const OTHER_USERNAME: &str = "wagrun-demo";

impl Demo {
    /// Makes an account, prints what is watched, publishes the front page again and prints the timeline of its event.
    pub(super) async fn show_own(&self, own: &OwnSite) -> Result<(), DemoError> {
        self.print_watched().await.map_err(DemoError::Watched)?;
        self.create_account(own).await;
        let stack = &self.stack;
        let database = self.web_database();
        let log = own
            .shell(&stack.supervisor, database, "publish", PUBLISH)
            .await
            .map_err(DemoError::Publish)?;
        let printed = tokio::fs::read_to_string(&log).await.unwrap_or_default();
        let page = printed
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(PAGE_MARKER));
        match page {
            Some(page) if page != "none" => {
                let subject = format!("page/{}", page.trim());
                let (request, event) = self.first_event(&subject, |_| true).await?;
                self.print_timeline(&request, &event, &[]).await
            }
            _ => {
                self.progress
                    .step("the site has no page yet, so nothing was published");
                Ok(())
            }
        }
    }

    /// Prints the tables of which changes become events.
    async fn print_watched(&self) -> Result<(), sqlx::Error> {
        let mut session = PgConnection::connect(&self.stack.database_url()).await?;
        let kinds: Vec<(String, Vec<String>)> = sqlx::query_as(
            "select kind, array_agg(distinct relation::regclass::text order by relation::regclass::text)
             from wagrun.watched_table group by kind order by kind",
        )
        .fetch_all(&mut session)
        .await?;
        session.close().await?;
        for (kind, tables) in kinds {
            self.progress
                .step(&format!("watched as {kind}: {}", tables.join(", ")));
        }
        Ok(())
    }

    /// Makes an account for the admin. A user model that needs more than a name is no reason to stop.
    async fn create_account(&self, own: &OwnSite) {
        let usual = &self.stack.superuser.username;
        // A dump often has an `admin`, whose password nobody here knows.
        let mut made = self.create_superuser(own, usual).await;
        let mut username = usual.as_str();
        if made.is_err() {
            username = OTHER_USERNAME;
            made = self.create_superuser(own, username).await;
        }
        if let Err(error) = &made {
            self.progress.step(&format!(
                "no account was made, so use one of the site's own: {}",
                reason(error)
            ));
        }
        // The demo is shown once.
        _ = self
            .own_account
            .set(made.is_ok().then(|| username.to_owned()));
    }

    async fn create_superuser(&self, own: &OwnSite, username: &str) -> Result<(), ProcessError> {
        let mut command = own.manage(self.web_database(), &["createsuperuser", "--noinput"]);
        command
            .env("DJANGO_SUPERUSER_USERNAME", username)
            .env("DJANGO_SUPERUSER_EMAIL", format!("{username}@example.org"))
            .env("DJANGO_SUPERUSER_PASSWORD", &self.stack.superuser.password);
        let limit = super::DELIVERY_TIMEOUT;
        let supervisor = &self.stack.supervisor;
        let created = supervisor.run("createsuperuser", command, limit).await;
        created.map(drop)
    }

    fn web_database(&self) -> Database<'static> {
        Database {
            port: self.stack.postgres.port(),
            name: DATABASE,
            user: WEB_USER,
        }
    }
}

/// Returns the last line of an error, which has the command's own message.
fn reason(error: &ProcessError) -> String {
    let text = wagrun_lambda::telemetry::chain(error);
    text.lines().last().unwrap_or_default().to_owned()
}
