//! Every type that a function can publish has an example. The types are read from the sources of the functions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use content_events::Action;
use testing::checkout;

use super::document::{REPLAYED_EXAMPLE, example_names, read};

/// Returns true when a source calls `Event::new`, and not the constructor of a type such as `OutgoingEvent`.
fn creates_an_event(source: &str) -> bool {
    let calls = source.match_indices("Event::new(");
    calls.into_iter().any(|(index, _)| {
        let before = source[..index].chars().next_back();
        !before.is_some_and(char::is_alphanumeric)
    })
}

/// Returns true for an action that only pages have.
fn is_of_pages_alone(action: Action) -> bool {
    match action {
        Action::Published | Action::Unpublished | Action::Moved => true,
        Action::Created | Action::Updated | Action::Deleted | Action::Snapshot => false,
    }
}

/// All actions. A further action does not compile in the match above, and must be added here too.
const ACTIONS: [Action; 7] = [
    Action::Created,
    Action::Updated,
    Action::Published,
    Action::Unpublished,
    Action::Moved,
    Action::Deleted,
    Action::Snapshot,
];

#[test]
fn every_type_that_can_be_published_is_shown_and_named() {
    let mut expected = types();
    expected.insert(REPLAYED_EXAMPLE.to_owned());
    assert_eq!(
        example_names(),
        expected,
        "docs/payloads.md shows each type"
    );
    let events = read("docs/events.md");
    let named = events.split('`').collect::<BTreeSet<_>>();
    for kind in types() {
        let (object, action) = kind.rsplit_once('.').unwrap();
        let last = object.rsplit('.').next().unwrap();
        // A row of the table names its first type in full, and the others by their last parts.
        let names = [
            kind.replace(".author.", ".<model>."),
            format!("…{action}"),
            format!("…{last}.{action}"),
        ];
        let is_named = names.iter().any(|name| named.contains(name.as_str()));
        assert!(is_named, "docs/events.md does not name {kind}");
    }
}

/// Returns every type that can be published. Of the types with a model's name, it has those of the stock site's only snippet.
fn types() -> BTreeSet<String> {
    let mut types = BTreeSet::new();
    for action in ACTIONS {
        for kind in ["page", "image", "document", "author"] {
            if kind == "page" || !is_of_pages_alone(action) {
                types.insert(format!("wagtail.{kind}.{}", action.as_str()));
            }
        }
    }
    let publishers: BTreeSet<String> = sources()
        .into_iter()
        .filter(|(_, text)| creates_an_event(text))
        .map(|(path, text)| {
            types.extend(literal_types(&text));
            path
        })
        .collect();
    let known = [
        "content-events/src/compose.rs",
        // Its event is for a subscriber that does not exist, so no receiver has it.
        "content-events/src/compose/marked.rs",
        "deliver/src/subscriber_health/announcement.rs",
        "release/src/notifier.rs",
    ];
    let known: BTreeSet<String> = known.map(str::to_owned).into();
    assert_eq!(
        publishers, known,
        "every source that makes events has examples"
    );
    types
}

/// Returns the string literals that are event types, such as `"site.deployed"`.
fn literal_types(source: &str) -> impl Iterator<Item = String> {
    source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|literal| {
            let parts = literal.split_once('.');
            parts.is_some_and(|(first, rest)| {
                ["site", "subscriber", "wagtail"].contains(&first)
                    && !rest.is_empty()
                    && rest
                        .chars()
                        .all(|one| one == '_' || one.is_ascii_lowercase())
            })
        })
        .map(str::to_owned)
}

/// Returns the functions' sources without their tests, with their paths below `functions/`.
fn sources() -> Vec<(String, String)> {
    let root = checkout().join("functions");
    let mut sources = Vec::new();
    for function in entries(&root) {
        let mut folders = vec![function.join("src")];
        while let Some(folder) = folders.pop() {
            for path in entries(&folder) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                if name == "tests" {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
                    let path = path.strip_prefix(&root).unwrap();
                    sources.push((path.to_string_lossy().into_owned(), text));
                }
            }
        }
    }
    sources
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}
