//! Tests of the oracle with a few transactions.

use std::collections::BTreeSet;

use super::decoding::{Change, Operation, Row, Transaction};
use super::oracle::Oracle;

fn row(columns: &[(&str, &str)]) -> Row {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    columns.iter().map(owned).collect()
}

fn transaction(xid: u64, changes: Vec<(&str, Operation)>) -> Transaction {
    let changes = changes.into_iter().map(|(table, operation)| Change {
        table: table.to_owned(),
        operation,
    });
    Transaction {
        xid,
        committed_at: String::new(),
        changes: changes.collect(),
    }
}

#[test]
fn a_moved_child_changes_both_parents_and_a_new_key_is_a_deletion_and_a_creation() {
    let page = |id| ("wagtailcore_page", Operation::Insert(row(&[("id", id)])));
    let child = |page| row(&[("id", "7"), ("page_id", page)]);
    let author = |id| row(&[("id", id), ("name", "tk000001")]);
    let mut oracle = Oracle::new(&[transaction(
        1,
        vec![
            page("1"),
            page("2"),
            ("blog_relatedlink", Operation::Insert(child("1"))),
            ("blog_author", Operation::Insert(author("4"))),
        ],
    )]);
    let (old, new) = (child("1"), child("2"));
    let moved = ("blog_relatedlink", Operation::Update { old, new });
    let (old, new) = (author("4"), author("5"));
    let renamed = ("blog_author", Operation::Update { old, new });
    oracle.apply(&transaction(2, vec![moved, renamed]));
    for page in ["page/1", "page/2"] {
        let step = &oracle.histories[page][0];
        assert!(step.is_part_only() && step.parts.contains("related_links"));
    }
    assert_eq!(oracle.histories["blog.author/4"][0].after, None);
    assert_eq!(oracle.histories["blog.author/5"][0].before, None);
    assert_eq!(oracle.tokens, BTreeSet::from(["tk000001".to_owned()]));
}

#[test]
fn changes_that_cancel_out_are_a_step_without_a_change() {
    let author = |name| row(&[("id", "4"), ("name", name)]);
    let update = |old, new| Operation::Update {
        old: author(old),
        new: author(new),
    };
    let insert = ("blog_author", Operation::Insert(author("a")));
    let mut oracle = Oracle::new(&[transaction(1, vec![insert])]);
    let (there, back) = (update("a", "b"), update("b", "a"));
    oracle.apply(&transaction(
        2,
        vec![("blog_author", there), ("blog_author", back)],
    ));
    assert!(!oracle.histories["blog.author/4"][0].is_own());
}
