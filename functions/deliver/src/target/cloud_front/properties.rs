//! The paths of an invalidation, for any pages.

use proptest::prelude::*;
use serde_json::json;

use super::tests::{event, site, target};
use super::*;

proptest! {
    #[test]
    fn every_path_is_covered_once(pages in prop::collection::vec("(/[ab*-]{1,2}){0,3}/", 0..12)) {
        let events: Vec<_> = pages.iter().map(|path| event(json!({"url": site(path)}))).collect();
        let single = paths(&target(false), events.iter());
        prop_assert!(single.iter().all(|path| !path.contains('*')), "{:?}", single);
        prop_assert!(pages.iter().all(|path| single.contains(&path.replace('*', "%2A"))));

        let covering = paths(&target(true), events.iter());
        let covers = |wildcard: &String, path: &str| path.starts_with(wildcard.strip_suffix('*').unwrap());
        for path in &single {
            prop_assert_eq!(covering.iter().filter(|wildcard| covers(wildcard, path)).count(), 1, "{}", path);
        }
        prop_assert!(covering.len() <= single.len());
    }
}
