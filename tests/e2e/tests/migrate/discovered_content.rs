//! Content that migrate finds by itself, in a site with one model of each kind.

use local_stack::postgres::MASTER;
use migrate::Migrator;
use serde_json::{Value, json};
use testing::checkout;

use crate::support::migration::{invocation, manage, migrate_config};
use crate::support::relayed_site::RelayedSite;
use crate::support::runtime::run;
use crate::support::sdk::{UNREACHABLE_ENDPOINT, sdk};
use crate::support::site_copy::SiteCopy;

/// Adds the app `shop` to the copy of the site.
fn add_shop(site: &SiteCopy) {
    let from = checkout().join("tests/e2e/tests/migrate/shop");
    let to = site.directory().join("shop");
    std::fs::create_dir(&to).unwrap();
    std::fs::write(to.join("__init__.py"), "").unwrap();
    for file in ["models.py", "wagtail_hooks.py"] {
        std::fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let settings = site.directory().join("website/settings.py");
    let text = std::fs::read_to_string(&settings).unwrap();
    let apps = "INSTALLED_APPS = [\n    \"shop\",\n    \"wagtail.contrib.settings\",\n";
    std::fs::write(&settings, text.replace("INSTALLED_APPS = [\n", apps)).unwrap();
}

#[test]
fn every_kind_of_content_is_found_and_its_changes_are_events() {
    run(async {
        let relayed = RelayedSite::new().await;
        let database = &relayed.database;
        let site = SiteCopy::with_operations("");
        add_shop(&site);
        let mut config = migrate_config(database.config(MASTER)).await;
        config.site_directory = site.directory().to_owned();
        let python = config.site_python.clone();
        manage(
            site.directory(),
            database,
            &python,
            &["makemigrations", "shop"],
        )
        .await;
        Migrator::new(config, &sdk(UNREACHABLE_ENDPOINT))
            .migrate(&invocation())
            .await
            .unwrap();
        let edits = checkout().join("tests/e2e/tests/migrate/shop/edits.py");
        let edits = std::fs::read_to_string(edits).unwrap();
        let shell = ["shell", "--verbosity", "0", "--command", &edits];
        manage(site.directory(), database, &python, &shell).await;

        relayed.sweep().await.unwrap();
        let mut events = relayed.topic.accepted();
        events.sort_by(|one, other| one.sequence.cmp(&other.sequence));
        let lines: Vec<(&str, &Value)> = events
            .iter()
            .map(|event| (event.kind.as_str(), &event.data["changed"]))
            .collect();
        let none = json!([]);
        let field = |name: &str| json!([name]);
        let (sections, categories, tags) = (field("sections"), field("categories"), field("tags"));
        let restrictions = field("view_restrictions");
        let url = field("url");
        let expected = [
            ("wagtail.page.updated", &sections),
            ("wagtail.page.updated", &sections),
            ("wagtail.page.updated", &sections),
            ("wagtail.page.updated", &categories),
            ("wagtail.label.updated", &categories),
            ("wagtail.label.updated", &categories),
            ("wagtail.label.updated", &tags),
            ("wagtail.image.updated", &tags),
            ("wagtail.page.updated", &restrictions),
            ("wagtail.page.updated", &restrictions),
            ("wagtail.page.updated", &restrictions),
            ("wagtail.page.updated", &restrictions),
            ("wagtail.page.updated", &restrictions),
            ("wagtail.collection.updated", &restrictions),
            ("wagtail.collection.updated", &restrictions),
            ("wagtail.brand.created", &none),
            ("wagtail.opening.created", &none),
            ("wagtail.mail.updated", &field("api_key")),
            ("wagtail.country.created", &none),
            ("wagtail.shop.image.created", &none),
            ("wagtail.redirect.created", &none),
            (
                "wagtail.site.updated",
                &json!(["hostname", "port", "root_page"]),
            ),
            ("wagtail.locale.created", &none),
            ("wagtail.page.moved", &url),
        ];
        assert_eq!(lines, expected);

        let moved = &events[expected.len() - 3].data;
        assert_eq!(moved["previous"]["hostname"], "localhost");
        assert_eq!(moved["fields"]["hostname"], "www.example.org");
        assert_eq!(moved["previous"]["root_page"], 3);
        let all = serde_json::to_string(&events).unwrap();
        assert!(!all.contains("secret key") && !all.contains("shared password"));
    });
}
