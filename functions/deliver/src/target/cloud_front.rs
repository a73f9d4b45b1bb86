//! Invalidations in a CloudFront distribution.

use std::{collections::BTreeSet, fmt::Write as _};

use aws_sdk_cloudfront::{
    Client,
    error::{BuildError, SdkError},
    operation::create_invalidation::CreateInvalidationError,
    types::{InvalidationBatch, Paths},
};
use sha2::{Digest, Sha256};
use url::Url;
use wagrun_delivery::subscriber::CloudFront;
use wagrun_event::Event;

/// Number of paths that a distribution may have in progress, and so an invalidation (CloudFront developer guide,
/// "Concurrent invalidation request maximum").
const MAX_PATHS: usize = 3000;
/// The same for paths that end with `*`.
const MAX_WILDCARDS: usize = 15;

/// Creates invalidations.
#[derive(Debug, Clone)]
pub struct CloudFrontClient(Client);

/// CloudFront did not accept the invalidation.
#[derive(Debug, thiserror::Error)]
pub enum CloudFrontError {
    /// The SDK did not build the call.
    #[error("cannot build the call to CloudFront")]
    Build(#[from] BuildError),
    /// Too many invalidations are in progress. That passes within minutes.
    #[error("CloudFront has too many invalidations in progress")]
    Busy,
    /// The call failed.
    #[error("CloudFront did not accept the invalidation")]
    Call(#[source] Box<SdkError<CreateInvalidationError>>),
}

impl CloudFrontError {
    /// Returns one word for logs.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Busy => "throttled",
            Self::Call(error) if error.as_service_error().is_some() => "refused",
            Self::Build(_) | Self::Call(_) => "unreachable",
        }
    }
}

impl CloudFrontClient {
    /// Uses this client.
    pub fn new(client: Client) -> Self {
        Self(client)
    }

    /// Invalidates the current and the previous paths of the events' pages. `events` has each event with its message's id.
    ///
    /// The same messages give the same caller reference, by which CloudFront recognizes a repeated call. A replayed event has
    /// another message, and is invalidated anew.
    pub async fn invalidate(
        &self,
        target: &CloudFront,
        events: &[(&str, &Event)],
    ) -> Result<(), CloudFrontError> {
        let paths = paths(target, events.iter().map(|(_, event)| *event));
        let max = if target.wildcard {
            MAX_WILDCARDS
        } else {
            MAX_PATHS
        };
        for paths in paths.chunks(max) {
            let batch = InvalidationBatch::builder()
                .caller_reference(reference(events.iter().map(|(id, _)| *id), paths))
                .paths(
                    Paths::builder()
                        .quantity(i32::try_from(paths.len()).unwrap_or(i32::MAX))
                        .set_items(Some(paths.to_vec()))
                        .build()?,
                )
                .build()?;
            let answer = self
                .0
                .create_invalidation()
                .distribution_id(&target.distribution)
                .invalidation_batch(batch);
            answer.send().await.map_err(|error| {
                let busy = error
                    .as_service_error()
                    .is_some_and(CreateInvalidationError::is_too_many_invalidations_in_progress);
                if busy {
                    CloudFrontError::Busy
                } else {
                    CloudFrontError::Call(Box::new(error))
                }
            })?;
        }
        Ok(())
    }
}

/// Returns the paths, each once and none that another covers. An object without a URL (an image, a page of no site) has no
/// path.
fn paths<'a>(target: &CloudFront, events: impl Iterator<Item = &'a Event>) -> Vec<String> {
    let paths: BTreeSet<String> = events.flat_map(Event::all_urls).filter_map(path).collect();
    if !target.wildcard {
        return paths.into_iter().collect();
    }
    // In sorted order, the paths that a path covers follow it.
    let mut covering: Vec<String> = Vec::new();
    for path in paths {
        if !covering
            .last()
            .is_some_and(|last| path.starts_with(last.as_str()))
        {
            covering.push(path);
        }
    }
    for path in &mut covering {
        path.push('*');
    }
    covering
}

/// Returns the URL's path, percent-encoded as CloudFront asks for. A star that is part of the path is encoded too, because it
/// is not a wildcard.
fn path(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.path().replace('*', "%2A"))
}

fn reference<'a>(message_ids: impl Iterator<Item = &'a str>, paths: &[String]) -> String {
    let message_ids: BTreeSet<&str> = message_ids.collect();
    let mut digest = Sha256::new();
    for text in message_ids
        .into_iter()
        .chain(paths.iter().map(String::as_str))
    {
        digest.update(text);
        digest.update([0]);
    }
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub fn event(data: Value) -> Event {
        serde_json::from_value(json!({
            "specversion": "1.0", "id": "0f2c8f6e-7d1b-4c8e-9a53-000000000001", "source": "/wagrun/test",
            "type": "wagtail.page.moved", "subject": "page/4", "time": "2026-11-21T21:46:46.426651Z",
            "datacontenttype": "application/json", "partitionkey": "page/4", "sequence": "0000000000001106",
            "data": data,
        }))
        .unwrap()
    }

    pub fn target(wildcard: bool) -> CloudFront {
        CloudFront {
            distribution: "E1".into(),
            wildcard,
        }
    }

    pub fn site(path: &str) -> String {
        format!("https://www.example.org{path}")
    }

    #[test]
    fn the_paths_are_where_pages_are_and_where_they_were() {
        let cases = [
            (json!({"url": site("/news/")}), vec!["/news/"]),
            (
                json!({"url": site("/new/"), "previous": {"url": site("/old/")}}),
                vec!["/new/", "/old/"],
            ),
            (
                json!({"url": null, "previous": {"url": site("/old/")}}),
                vec!["/old/"],
            ),
            (
                json!({"url": site("/en/news/"), "urls": [site("/en/news/"), "https://b.example.org/de/news/"],
                    "previous": {"url": site("/old/"), "urls": [site("/old/"), site("/fr/old/")]}}),
                vec!["/de/news/", "/en/news/", "/fr/old/", "/old/"],
            ),
            (json!({"url": site("/")}), vec!["/"]),
            (
                json!({"url": site("/z\u{fc}rich/a b/")}),
                vec!["/z%C3%BCrich/a%20b/"],
            ),
            (json!({"url": site("/z%C3%BCrich/")}), vec!["/z%C3%BCrich/"]),
            (json!({"url": site("/a*/")}), vec!["/a%2A/"]),
            (json!({"url": "no URL"}), vec![]),
            (json!({"title": "an image"}), vec![]),
        ];
        for (data, expected) in cases {
            assert_eq!(paths(&target(false), [&event(data)].into_iter()), expected);
        }
    }

    #[test]
    fn a_path_that_another_covers_is_left_out() {
        let events = ["/b/c/", "/a/", "/b/", "/b/", "/b/c/d/", "/ba/"]
            .map(|path| event(json!({"url": site(path)})));
        assert_eq!(
            paths(&target(true), events.iter()),
            ["/a/*", "/b/*", "/ba/*"]
        );
        assert_eq!(
            paths(&target(false), events.iter()),
            ["/a/", "/b/", "/b/c/", "/b/c/d/", "/ba/"]
        );
        let root = event(json!({"url": site("/")}));
        assert_eq!(paths(&target(true), events.iter().chain([&root])), ["/*"]);
    }

    #[test]
    fn the_reference_is_that_of_messages_and_paths() {
        let paths = ["/a/".to_owned(), "/b/".to_owned()];
        let one = reference(["m1", "m2"].into_iter(), &paths);
        assert_eq!(one, reference(["m2", "m1", "m2"].into_iter(), &paths));
        assert_ne!(one, reference(["m1"].into_iter(), &paths));
        assert_ne!(one, reference(["m1", "m2"].into_iter(), &paths[..1]));
        assert_eq!(one.len(), 64);
    }
}
