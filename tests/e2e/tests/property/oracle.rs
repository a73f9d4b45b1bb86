//! What happened to each object, transaction by transaction, computed from what PostgreSQL decoded and from nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::decoding::{Row, Transaction, What};
use super::tokens;

/// Bookkeeping: a change of nothing else is no change of its page.
const IGNORED: &str = "numchild";

/// How a table belongs to objects.
enum Role {
    /// An object's own row, with the first part of the object's name.
    Own(&'static str),
    /// More columns of a page, in a row with the page's key.
    Subclass,
    /// Many rows of a page, which are one field of it.
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

/// The column with the row's own key.
fn key_column(table: &str) -> &'static str {
    match role(table) {
        Role::Subclass => "page_ptr_id",
        Role::Own(_) | Role::Children(_) => "id",
    }
}

/// The object that a row belongs to.
fn object_of(table: &str, row: &Row) -> String {
    match role(table) {
        Role::Own(name) => format!("{name}/{}", row["id"]),
        Role::Subclass => format!("page/{}", row["page_ptr_id"]),
        Role::Children(_) => format!("page/{}", row["page_id"]),
    }
}

/// One committed transaction that touched an object, even if it left everything as it was.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub xid: u64,
    pub committed_at: String,
    /// The object's own row before the transaction.
    pub before: Option<Row>,
    /// The object's own row after it.
    pub after: Option<Row>,
    /// The row as a `DELETE` of this transaction found it.
    pub dropped: Option<Row>,
    /// Fields of the object's parts that the transaction changed.
    pub parts: BTreeSet<String>,
}

impl Step {
    /// Whether the transaction changed the object's own row.
    pub fn is_own(&self) -> bool {
        self.before != self.after
    }

    /// Whether it changed parts of an object whose own row it left alone.
    pub fn is_part_only(&self) -> bool {
        !self.is_own() && !self.parts.is_empty() && self.after.is_some()
    }
}

type Key = (String, String);

#[derive(Default)]
pub struct Oracle {
    /// Rows may have been there before the first transaction.
    is_learning: bool,
    rows: BTreeMap<Key, Row>,
    /// Every column that a table was seen with.
    columns: HashMap<String, BTreeSet<String>>,
    /// Every step of each object since the baseline, in the order of the commits.
    pub histories: BTreeMap<String, Vec<Step>>,
    /// The object's own row at the baseline.
    pub baseline: BTreeMap<String, Row>,
    /// Every token that a committed statement wrote.
    pub tokens: BTreeSet<String>,
}

impl Oracle {
    /// An oracle that knows the rows that these transactions left.
    pub fn new(seeding: &[Transaction]) -> Self {
        let mut oracle = Self {
            is_learning: true,
            ..Self::default()
        };
        for transaction in seeding {
            oracle.take(transaction);
        }
        oracle.is_learning = false;
        oracle.histories.clear();
        oracle.baseline = oracle.own_rows();
        oracle
    }

    /// The own row of each object that is there now.
    pub fn own_rows(&self) -> BTreeMap<String, Row> {
        let own = self.rows.iter().filter_map(|((table, key), row)| {
            let Role::Own(object) = role(table) else {
                return None;
            };
            Some((format!("{object}/{key}"), row.clone()))
        });
        own.collect()
    }

    /// The names, in events, of the columns in an object's own row.
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

    pub fn take(&mut self, transaction: &Transaction) {
        let mut before: BTreeMap<Key, Option<Row>> = BTreeMap::new();
        let mut dropped: HashMap<Key, Row> = HashMap::new();
        let mut steps: BTreeMap<String, Step> = BTreeMap::new();
        for change in &transaction.changes {
            let table = &change.table;
            let key = |row: &Row| (table.clone(), row[key_column(table)].clone());
            let (old, new) = match &change.what {
                What::Insert(new) => (vec![], Some(new)),
                What::Update { old, new } => (vec![old.clone()], Some(new)),
                What::Delete(old) => (vec![old.clone()], None),
                What::Truncate => {
                    let all = self.rows.iter().filter(|((name, _), _)| name == table);
                    (all.map(|(_, row)| row.clone()).collect(), None)
                }
            };
            for row in old.iter().chain(new) {
                // Also if nothing comes of it.
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
                    // The key of the page that it belongs to is the page's own, also when the whole row comes or goes.
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

/// The fields that differ between two rows of a table.
pub fn differing(old: Option<&Row>, new: Option<&Row>) -> BTreeSet<String> {
    let columns = [old, new].into_iter().flatten().flat_map(Row::keys);
    let differ = columns.filter(|column| {
        old.and_then(|row| row.get(*column)) != new.and_then(|row| row.get(*column))
    });
    differ.map(|column| field(column)).collect()
}

/// A foreign key's column has its field's name and `_id`.
fn field(column: &str) -> String {
    column.strip_suffix("_id").unwrap_or(column).to_owned()
}

fn without_bookkeeping(row: &Row) -> Row {
    let mut row = row.clone();
    row.remove(IGNORED);
    row
}
