//! The supported versions of Wagtail, Django and PostgreSQL, each with the whole stack: the site is attached, a page is published, and
//! its event arrives signed. `WAGRUN_COMPATIBILITY=all` tries all combinations, as `make compatibility` does.

use local_stack::demo::Demo;
use local_stack::own_site::OwnSiteOptions;
use wagrun_lambda::telemetry::chain;

use super::own_site::Site;
use crate::support::runtime::run;

/// The environments of `tools/venv.py`, the oldest first. `oldest` is Wagtail 6.3 with the oldest Django and driver.
const ENVIRONMENTS: [&str; 5] = [
    "oldest",
    "wagtail-6.3",
    "wagtail-7.0",
    "wagtail-7.4",
    "site",
];
const POSTGRES: [u32; 4] = [15, 16, 17, 18];
/// Code that writes the migrations of the site's own apps needs no database, but the settings name one.
const NO_DATABASE: &str = "postgres://none@localhost/none";

/// Returns all combinations on request, and otherwise the oldest of everything. Other tests have the newest.
fn rows() -> Vec<(&'static str, u32)> {
    if std::env::var("WAGRUN_COMPATIBILITY").is_ok_and(|value| value == "all") {
        let of = |environment| POSTGRES.map(|postgres| (environment, postgres));
        ENVIRONMENTS.into_iter().flat_map(of).collect()
    } else {
        vec![(ENVIRONMENTS[0], POSTGRES[0])]
    }
}

#[test]
fn a_site_of_each_version_is_attached_and_its_event_arrives_signed() {
    let mut failures = Vec::new();
    for (environment, postgres) in rows() {
        let result = run(attach_and_publish(environment, postgres));
        let outcome = result
            .as_ref()
            .map_or_else(String::as_str, |()| "signed webhook received");
        println!("compatibility: {environment}, PostgreSQL {postgres}: {outcome}");
        if let Err(error) = result {
            failures.push(format!("{environment}, PostgreSQL {postgres}: {error}"));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Publishes the front page, and fails unless its event arrives with a signature that verifies.
async fn attach_and_publish(environment: &str, postgres: u32) -> Result<(), String> {
    let site = Site::start(environment).await;
    site.manage(NO_DATABASE, &["makemigrations", "people", "photos"])
        .await;
    let options = OwnSiteOptions {
        site: site.directory.to_string_lossy().into_owned(),
        venv: Some(site.venv.to_string_lossy().into_owned()),
        settings: Some("mysite.settings.dev".to_owned()),
        postgres: Some(postgres.to_string()),
        ..OwnSiteOptions::default()
    };
    let demo = Demo::start(false, Some(options)).await;
    let demo = demo.map_err(|error| chain(&error))?;
    let published = demo.publish_and_follow().await;
    published.map_err(|error| chain(&error))
}
