//! Counts the present objects that a filter lets pass, for an operator who checks a subscriber. It publishes nothing.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use wagrun_database::ObjectKind;
use wagrun_database::outbox;
use wagrun_event::Event;
use wagrun_event::filter::{Filter, path_is_under};

use crate::compose::{compose_snapshot, snapshot_type};
use crate::report::{MatchReport, OtherPath};
use crate::request::Match;

/// Number of objects that one query reads.
const MAX_OBJECTS: i32 = 500;
/// Time limit of a count. The AWS CLI gives up after a minute, of which a resuming database takes half.
pub(crate) const COUNT_TIMEOUT: Duration = Duration::from_secs(15);

/// Counts the objects of all models that may match. Those that `also` does not let pass are not counted either.
pub(crate) async fn count(
    connection: &mut PgConnection,
    request: &Match,
    also: &Filter,
) -> Result<MatchReport, sqlx::Error> {
    let stop_at = Instant::now() + COUNT_TIMEOUT;
    let reference = outbox::Reference::load(connection).await?;
    let mut count = Count::new(request);
    for watched in outbox::watched_models(connection).await? {
        let may_match = request
            .filter
            .admits_type(&snapshot_type(watched.kind, &watched.model))
            && (watched.kind == ObjectKind::Page || !request.only_pages);
        if !may_match {
            continue;
        }
        let mut after = None;
        loop {
            if Instant::now() >= stop_at {
                return Ok(count.report(false));
            }
            let objects = outbox::present_objects(
                connection,
                None,
                &watched.model,
                after.as_deref(),
                MAX_OBJECTS,
                &reference.names,
            );
            let objects = objects.await?;
            for object in &objects {
                let event = compose_snapshot(&object.state, &reference.rules, "");
                if also.matches(&event) {
                    count.add(&event);
                }
            }
            match objects.into_iter().last() {
                Some(last) => after = Some(last.last_key),
                None => break,
            }
        }
    }
    Ok(count.report(true))
}

/// A count under way.
struct Count<'a> {
    request: &'a Match,
    report: MatchReport,
    /// The shortest path of a page that is found by its path in the tree, or without regard to capital letters.
    other: Option<OtherPath>,
}

impl<'a> Count<'a> {
    fn new(request: &'a Match) -> Self {
        Self {
            request,
            report: MatchReport::default(),
            other: None,
        }
    }

    fn add(&mut self, event: &Event) {
        self.report.objects += 1;
        if self.request.filter.matches(event) {
            self.report.matching += 1;
        } else if let Some(path) = self.meant_path(event) {
            let pages = self.other.as_ref().map_or(0, |other| other.pages) + 1;
            let shortest = self.other.take().map(|other| other.under);
            let under = match shortest {
                Some(shortest) if shortest.len() <= path.len() => shortest,
                _ => path,
            };
            self.other = Some(OtherPath { under, pages });
        }
    }

    /// Returns the path of the page's URL, if the page is below `under` by its path in the tree or but for capital letters.
    fn meant_path(&self, event: &Event) -> Option<String> {
        let under = self.request.under.as_deref()?;
        let url = event.url()?;
        let is_meant = [event.url_path(), Some(url)]
            .into_iter()
            .flatten()
            .any(|path| path_is_under(under, path));
        // The host and the scheme end with the third slash.
        let path = url.splitn(4, '/').nth(3)?;
        is_meant.then(|| format!("/{path}"))
    }

    fn report(self, finished: bool) -> MatchReport {
        MatchReport {
            finished,
            instead: self.other.filter(|_| self.report.matching == 0),
            ..self.report
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(url: &str, url_path: &str) -> Event {
        serde_json::from_value(json!({
            "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
            "type": "wagtail.page.snapshot", "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
            "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
            "data": {"url": url, "url_path": url_path, "content_type": "blog.blogpage"},
        }))
        .unwrap()
    }

    fn counted(payload: serde_json::Value) -> MatchReport {
        let request = Match::parse(&json!({"match": payload})).unwrap().unwrap();
        let mut count = Count::new(&request);
        for (url, url_path) in [
            ("https://example.org/", "/home/"),
            ("https://example.org/news/today/", "/home/news/today/"),
            ("https://example.org/news/", "/home/news/"),
        ] {
            count.add(&page(url, url_path));
        }
        count.report(true)
    }

    #[test]
    fn the_path_that_was_meant_is_named() {
        let instead = |under: &str, pages| {
            let under = under.to_owned();
            Some(OtherPath { under, pages })
        };
        for (under, matching, expected) in [
            ("/news/", 2, None),
            ("/", 3, None),
            ("/home/news/", 0, instead("/news/", 2)),
            ("/home/", 0, instead("/", 3)),
            ("/News", 0, instead("/news/", 2)),
            ("/nwes/", 0, None),
        ] {
            let report = counted(json!({"under": under}));
            assert_eq!(report.objects, 3);
            assert_eq!(
                (report.matching, report.instead),
                (matching, expected),
                "{under}"
            );
        }
    }

    #[test]
    fn a_filter_without_a_path_has_no_other_path() {
        let report = counted(json!({"content_types": ["blogpage"]}));
        assert_eq!((report.matching, report.instead), (0, None));
        assert_eq!(counted(json!({"types": ["*.published"]})).matching, 3);
    }
}
