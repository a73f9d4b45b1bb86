//! The history of each object, transaction by transaction. It comes only from the transactions that PostgreSQL decoded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decoding::{Operation, Row, Transaction};
use super::tokens;

/// A column that Wagtail maintains. A change of only this column is not a change of the page.
const IGNORED: &str = "numchild";

/// The relation between a table and its objects.
enum Role {
    /// The object's own row. The value is the first part of the object's name.
    Own(&'static str),
    /// More columns of a page, in a row with the page's id.
    Subclass,
    /// Rows of a page that are together one field of it.
    Children(&'static str),
}

pub const TABLES: [&str; 7] = [
    "wagtailcore_page",
    "blog_blogpage",
    "blog_blogindexpage",
    "home_homepage",
    "blog_relatedlink",
    "blog_author",
    "wagtailimages_image",
];

fn role(table: &str) -> Role {
    match table {
        "wagtailcore_page" => Role::Own("page"),
        "blog_author" => Role::Own("blog.author"),
        "wagtailimages_image" => Role::Own("image"),
        "blog_relatedlink" => Role::Children("related_links"),
        "blog_blogpage" | "blog_blogindexpage" | "home_homepage" => Role::Subclass,
        _ => panic!("{table} is not watched by the oracle"),
    }
}

/// Returns the column with the row's own key.
fn key_column(table: &str) -> &'static str {
    match role(table) {
        Role::Subclass => "page_ptr_id",
        Role::Own(_) | Role::Children(_) => "id",
    }
}

/// Returns the object to which a row belongs.
fn object_of(table: &str, row: &Row) -> String {
    match role(table) {
        Role::Own(name) => format!("{name}/{}", row["id"]),
        Role::Subclass => format!("page/{}", row["page_ptr_id"]),
        Role::Children(_) => format!("page/{}", row["page_id"]),
    }
}

/// A committed transaction that touched an object, even if it changed nothing.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub xid: u64,
    pub committed_at: String,
    /// The object's own row before the transaction.
    pub before: Option<Row>,
    /// The object's own row after the transaction.
    pub after: Option<Row>,
    /// The row that a `DELETE` of this transaction found.
    pub dropped: Option<Row>,
    /// The fields of the object's parts that the transaction changed.
    pub parts: BTreeSet<String>,
}

impl Step {
    /// Returns true if the transaction changed the object's own row.
    pub fn is_own(&self) -> bool {
        self.before != self.after
    }

    /// Returns true if the transaction changed parts of an object and not its own row.
    pub fn is_part_only(&self) -> bool {
        !self.is_own() && !self.parts.is_empty() && self.after.is_some()
    }
}

type Key = (String, String);

#[derive(Default)]
pub struct Oracle {
    /// True during the seeding, when a row may be older than the first transaction.
    is_learning: bool,
    rows: BTreeMap<Key, Row>,
    /// The columns of each table that any of its rows had.
    columns: HashMap<String, BTreeSet<String>>,
    /// The steps of each object since the baseline, in the order of the commits.
    pub histories: BTreeMap<String, Vec<Step>>,
    /// The own row of each object at the baseline.
    pub baseline: BTreeMap<String, Row>,
    /// Every token that a committed statement wrote.
    pub tokens: BTreeSet<String>,
}

impl Oracle {
    /// Returns an oracle whose baseline is the rows that these transactions left.
    pub fn new(seeding: &[Transaction]) -> Self {
        let mut oracle = Self {
            is_learning: true,
            ..Self::default()
        };
        for transaction in seeding {
            oracle.apply(transaction);
        }
        oracle.is_learning = false;
        oracle.histories.clear();
        oracle.baseline = oracle.own_rows();
        oracle
    }

    /// Returns the own row of each present object.
    pub fn own_rows(&self) -> BTreeMap<String, Row> {
        let own = self.rows.iter().filter_map(|((table, key), row)| {
            let Role::Own(object) = role(table) else {
                return None;
            };
            Some((format!("{object}/{key}"), row.clone()))
        });
        own.collect()
    }

    /// Returns the names of the fields in an object's own row, as events have them.
    pub fn own_fields(&self, object: &str) -> BTreeSet<String> {
        let table = TABLES.into_iter().find(|table| match role(table) {
            Role::Own(name) => object.split('/').next() == Some(name),
            _ => false,
        });
        let columns = self.columns.get(table.unwrap());
        columns
            .into_iter()
            .flatten()
            .map(|name| field(name))
            .collect()
    }

    pub fn apply(&mut self, transaction: &Transaction) {
        let mut before: BTreeMap<Key, Option<Row>> = BTreeMap::new();
        let mut dropped: HashMap<Key, Row> = HashMap::new();
        let mut steps: BTreeMap<String, Step> = BTreeMap::new();
        for change in &transaction.changes {
            let table = &change.table;
            let key = |row: &Row| (table.clone(), row[key_column(table)].clone());
            let (old, new) = match &change.operation {
                Operation::Insert(new) => (vec![], Some(new)),
                Operation::Update { old, new } => (vec![old.clone()], Some(new)),
                Operation::Delete(old) => (vec![old.clone()], None),
                Operation::Truncate => {
                    let all = self.rows.iter().filter(|((name, _), _)| name == table);
                    (all.map(|(_, row)| row.clone()).collect(), None)
                }
            };
            for row in old.iter().chain(new) {
                // A transaction without an effect is a step as well.
                steps.entry(object_of(table, row)).or_default();
            }
            for old in old {
                let mut present = self.rows.remove(&key(&old));
                if self.is_learning {
                    present = present.or_else(|| Some(old.clone()));
                }
                assert_eq!(
                    present.as_ref(),
                    Some(&old),
                    "the oracle missed a change of {table}"
                );
                if new.is_none() {
                    dropped.insert(key(&old), old.clone());
                }
                before.entry(key(&old)).or_insert(present);
            }
            if let Some(new) = new {
                before.entry(key(new)).or_insert(None);
                let columns = self.columns.entry(table.clone()).or_default();
                columns.extend(new.keys().cloned());
                self.tokens
                    .extend(new.values().flat_map(|value| tokens::in_text(value)));
                self.rows.insert(key(new), new.clone());
            }
        }
        self.record(transaction, &before, &mut dropped, steps);
    }

    fn record(
        &mut self,
        transaction: &Transaction,
        before: &BTreeMap<Key, Option<Row>>,
        dropped: &mut HashMap<Key, Row>,
        mut steps: BTreeMap<String, Step>,
    ) {
        for (key, old) in before {
            let new = self.rows.get(key);
            let part = match role(&key.0) {
                Role::Own(_) => None,
                Role::Subclass => {
                    // The reference to the page is no field of the page, also when the whole row is inserted or deleted.
                    let mut fields = differing(old.as_ref(), new);
                    fields.remove("page_ptr");
                    Some(fields)
                }
                Role::Children(relation) => {
                    let differ = old.as_ref() != new;
                    Some(differ.then(|| relation.to_owned()).into_iter().collect())
                }
            };
            for row in [old.as_ref(), new].into_iter().flatten() {
                let step = steps.entry(object_of(&key.0, row)).or_default();
                if let Some(fields) = &part {
                    step.parts.extend(fields.iter().cloned());
                } else {
                    step.dropped = step.dropped.take().or(dropped.remove(key));
                    step.before = old.as_ref().map(without_bookkeeping);
                    step.after = new.map(without_bookkeeping);
                }
            }
        }
        for (object, mut step) in steps {
            if let Some(id) = object.strip_prefix("page/") {
                let key = ("wagtailcore_page".to_owned(), id.to_owned());
                if !before.contains_key(&key) {
                    step.before = self.rows.get(&key).map(without_bookkeeping);
                    step.after = step.before.clone();
                }
            }
            step.xid = transaction.xid;
            step.committed_at.clone_from(&transaction.committed_at);
            self.histories.entry(object).or_default().push(step);
        }
    }
}

/// Returns the fields that differ between two rows of a table.
pub fn differing(old: Option<&Row>, new: Option<&Row>) -> BTreeSet<String> {
    let columns = [old, new].into_iter().flatten().flat_map(Row::keys);
    let differ = columns.filter(|column| {
        old.and_then(|row| row.get(*column)) != new.and_then(|row| row.get(*column))
    });
    differ.map(|column| field(column)).collect()
}

/// Returns the name of the field of a column. The column of a foreign key ends with `_id`.
fn field(column: &str) -> String {
    column.strip_suffix("_id").unwrap_or(column).to_owned()
}

fn without_bookkeeping(row: &Row) -> Row {
    let mut row = row.clone();
    row.remove(IGNORED);
    row
}
