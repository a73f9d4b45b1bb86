//! The committed transactions from PostgreSQL's logical decoding, in the text form of the plugin `test_decoding`.
//!
//! ```text
//! BEGIN 771
//! table public.blog_author: UPDATE: old-key: id[integer]:1 name[character varying]:'Ann' new-tuple: id[integer]:1 name[…]:'O''Hara'
//! COMMIT 771 (at 2026-11-21 08:06:28.3285+00)
//! ```

use std::collections::BTreeMap;

use sqlx::PgConnection;

use crate::support::sql::execute;

/// The text of each column of a row that is not null.
pub type Row = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    pub xid: u64,
    pub committed_at: String,
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The name of the table without its schema.
    pub table: String,
    pub operation: Operation,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Insert(Row),
    Update { old: Row, new: Row },
    Delete(Row),
    Truncate,
}

/// Starts to record committed transactions, with the old values of these tables.
pub async fn start(superuser: &mut PgConnection, slot: &str, tables: &[&str]) {
    for table in tables {
        let alter = format!("alter table {table} replica identity full");
        execute(superuser, &alter).await;
    }
    sqlx::query("select pg_create_logical_replication_slot($1, 'test_decoding')")
        .bind(slot)
        .execute(superuser)
        .await
        .unwrap();
}

/// Returns the transactions that were committed since the last call, in the order of their commits, with the changes of these
/// tables.
pub async fn committed(
    superuser: &mut PgConnection,
    slot: &str,
    tables: &[&str],
) -> Vec<Transaction> {
    let lines: Vec<String> = sqlx::query_scalar(
        "select data from pg_logical_slot_get_changes($1, null, null, 'include-timestamp', 'on')",
    )
    .bind(slot)
    .fetch_all(superuser)
    .await
    .unwrap();
    parse(lines.iter().map(String::as_str), tables)
}

pub async fn stop(superuser: &mut PgConnection, slot: &str) {
    sqlx::query("select pg_drop_replication_slot($1)")
        .bind(slot)
        .execute(superuser)
        .await
        .unwrap();
}

/// Parses the lines of these tables in the schema `public`.
fn parse<'a>(lines: impl Iterator<Item = &'a str>, recorded: &[&str]) -> Vec<Transaction> {
    let mut transactions = Vec::new();
    for line in lines {
        if let Some(xid) = line.strip_prefix("BEGIN ") {
            transactions.push(Transaction {
                xid: xid.parse().unwrap(),
                committed_at: String::new(),
                changes: Vec::new(),
            });
        } else if let Some(commit) = line.strip_prefix("COMMIT ") {
            let (_, at) = commit.split_once(" (at ").unwrap();
            transactions.last_mut().unwrap().committed_at = at.trim_end_matches(')').to_owned();
        } else if let Some(change) = line.strip_prefix("table public.") {
            let changes = &mut transactions.last_mut().unwrap().changes;
            let (tables, change) = change.split_once(": ").unwrap();
            // TRUNCATE names all its tables in one line.
            for table in tables.split(", ") {
                let table = table.trim_start_matches("public.").to_owned();
                if recorded.contains(&table.as_str()) {
                    let operation = parse_change(change);
                    changes.push(Change { table, operation });
                }
            }
        } else {
            assert!(line.starts_with("table "), "unknown line: {line}");
        }
    }
    transactions
}

fn parse_change(change: &str) -> Operation {
    let (word, tuples) = change.split_once(": ").unwrap();
    match word {
        "INSERT" => Operation::Insert(parse_tuple(tuples).0),
        "DELETE" => Operation::Delete(parse_tuple(tuples).0),
        "TRUNCATE" => Operation::Truncate,
        "UPDATE" => {
            let tuples = tuples
                .strip_prefix("old-key: ")
                .expect("replica identity full");
            let (old, rest) = parse_tuple(tuples);
            let mut new = old.clone();
            // The line has the nulls of the new row, but not those of the old row.
            let written = Columns(rest.strip_prefix("new-tuple: ").unwrap());
            for (column, value) in written {
                match value {
                    Value::Text(text) => drop(new.insert(column, text)),
                    Value::Null => drop(new.remove(&column)),
                    Value::UnchangedToast => assert!(old.contains_key(&column), "{column}"),
                }
            }
            Operation::Update { old, new }
        }
        _ => panic!("unknown change: {change}"),
    }
}

/// Parses a row, and returns it with the rest of the text.
fn parse_tuple(text: &str) -> (Row, &str) {
    let mut columns = Columns(text);
    let mut row = Row::new();
    for (column, value) in columns.by_ref() {
        match value {
            Value::Text(text) => drop(row.insert(column, text)),
            Value::Null => {}
            Value::UnchangedToast => panic!("{column}: not in a whole row"),
        }
    }
    (row, columns.0)
}

enum Value {
    Null,
    UnchangedToast,
    Text(String),
}

/// Iterates over `name[type]:value` until another text follows.
struct Columns<'a>(&'a str);

impl Iterator for Columns<'_> {
    type Item = (String, Value);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() || self.0.starts_with("new-tuple: ") {
            return None;
        }
        let name = self.quoted_or_until('"', '[');
        let rest = self.0.strip_prefix('[').unwrap();
        let (_, value) = rest.split_once("]:").unwrap();
        self.0 = value;
        let is_quoted = value.starts_with('\'');
        let text = self.quoted_or_until('\'', ' ');
        self.0 = self.0.strip_prefix(' ').unwrap_or(self.0);
        let value = match text.as_str() {
            "null" if !is_quoted => Value::Null,
            "unchanged-toast-datum" if !is_quoted => Value::UnchangedToast,
            _ => Value::Text(text),
        };
        Some((name, value))
    }
}

impl Columns<'_> {
    /// Takes a quoted text, in which a quote is doubled, or the text before `end`.
    fn quoted_or_until(&mut self, quote: char, end: char) -> String {
        let Some(quoted) = self.0.strip_prefix(quote) else {
            let end = self.0.find(end).unwrap_or(self.0.len());
            let (text, rest) = self.0.split_at(end);
            self.0 = rest;
            return text.to_owned();
        };
        let mut text = String::new();
        let mut characters = quoted.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character != quote {
                text.push(character);
            } else if characters.next_if(|(_, next)| *next == quote).is_some() {
                text.push(quote);
            } else {
                self.0 = &quoted[at + 1..];
                return text;
            }
        }
        panic!("no end of: {quoted}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, &str)]) -> Row {
        columns
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn one(line: &str) -> Operation {
        let lines = ["BEGIN 7", line, "COMMIT 7 (at 2026-11-21 08:06:28.3285+00)"];
        let mut transactions = parse(lines.into_iter(), &["t"]);
        assert_eq!(transactions.len(), 1);
        assert_eq!(transactions[0].xid, 7);
        assert_eq!(transactions[0].committed_at, "2026-11-21 08:06:28.3285+00");
        transactions[0].changes.pop().unwrap().operation
    }

    #[test]
    fn an_insert_has_quotes_spaces_brackets_and_nulls_in_its_values() {
        let operation = one(
            "table public.t: INSERT: id[integer]:-1 name[character varying]:'O''Hara''s ]: x[y]:null ' \
             \"a \"\"b\"[text[]]:'{}' live[boolean]:true bio[text]:null note[text]:'null' bits[bit]:B'01'",
        );
        let expected = row(&[
            ("id", "-1"),
            ("name", "O'Hara's ]: x[y]:null "),
            ("a \"b", "{}"),
            ("live", "true"),
            ("note", "null"),
            ("bits", "B'01'"),
        ]);
        assert_eq!(operation, Operation::Insert(expected));
    }

    #[test]
    fn an_update_tells_nulls_and_unchanged_large_values_apart() {
        let operation = one(
            "table public.t: UPDATE: old-key: id[integer]:1 a[text]:'new-tuple: ' big[text]:'long' \
             new-tuple: id[integer]:2 a[text]:null b[text]:'' big[text]:unchanged-toast-datum",
        );
        assert_eq!(
            operation,
            Operation::Update {
                old: row(&[("id", "1"), ("a", "new-tuple: "), ("big", "long")]),
                new: row(&[("id", "2"), ("b", ""), ("big", "long")]),
            }
        );
    }

    #[test]
    fn a_delete_and_a_truncate() {
        let operation = one("table public.t: DELETE: id[integer]:1 a[text]:'line\nline'");
        assert_eq!(
            operation,
            Operation::Delete(row(&[("id", "1"), ("a", "line\nline")]))
        );
        let lines = [
            "BEGIN 7",
            "table public.a, public.b: TRUNCATE: restart_seqs cascade",
            "table wagrun.x: INSERT: a[text]:'public'",
            "table public.c: UPDATE: a[text]:'not recorded'",
            "COMMIT 7 (at 2026-11-21 08:06:28+00)",
        ];
        let transactions = parse(lines.into_iter(), &["a", "b"]);
        let tables: Vec<&str> = transactions[0]
            .changes
            .iter()
            .map(|change| change.table.as_str())
            .collect();
        assert_eq!(tables, ["a", "b"]);
    }
}
