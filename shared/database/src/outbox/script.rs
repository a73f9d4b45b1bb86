//! Statements that travel to the server together, in one round trip.
//!
//! A prepared statement costs two round trips at its first use, and each session of wagrun is new. On Aurora a round trip is about a
//! millisecond, so a dozen statements would take longer than the work that they do.

use std::fmt::Write as _;

use futures::StreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Either, FromRow};

use super::lock::is_lock_conflict;

/// Statements for one message of PostgreSQL's simple query protocol.
///
/// Each statement sees what was committed before it began. Without a `commit` among them they are one transaction.
#[derive(Debug, Default)]
pub(super) struct Script {
    text: String,
    statements: usize,
    /// The number of statements that must succeed. `None` stands for all.
    required: Option<usize>,
}

/// A value in the place of a parameter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Literal<'a> {
    /// A number, or null.
    Integer(Option<i64>),
    /// A number of seconds.
    Seconds(f64),
    Boolean(bool),
    /// A text, or null.
    Text(Option<&'a str>),
    /// A list of numbers.
    Integers(&'a [i64]),
    /// A list of texts and nulls.
    Texts(&'a [Option<String>]),
    /// A list of truth values.
    Booleans(&'a [bool]),
}

/// The result of one statement.
#[derive(Debug, Default)]
pub(super) struct StatementResult {
    rows: Vec<PgRow>,
    /// The number of rows that the statement returned or changed.
    pub rows_affected: u64,
}

/// The results of a script, in the order of its statements.
#[derive(Debug)]
pub(super) struct Results(std::vec::IntoIter<StatementResult>);

impl Script {
    /// Adds a statement, with values in the place of `$1`, `$2` and so on. A line that begins with `--` is left out.
    pub fn add(&mut self, statement: &str, values: &[Literal<'_>]) {
        let lines = statement.lines();
        for line in lines.filter(|line| !line.trim_start().starts_with("--")) {
            let mut parts = line.split('$');
            self.text.push_str(parts.next().unwrap_or_default());
            for part in parts {
                let digits = part.len()
                    - part
                        .trim_start_matches(|it: char| it.is_ascii_digit())
                        .len();
                let (number, rest) = part.split_at(digits);
                let place: Option<usize> = number.parse().ok();
                let value = place.and_then(|place| values.get(place.checked_sub(1)?));
                match value {
                    Some(value) => self.push_literal(*value),
                    // PostgreSQL reports a parameter that is missing.
                    None => _ = write!(self.text, "${number}"),
                }
                self.text.push_str(rest);
            }
            self.text.push('\n');
        }
        self.text.push_str(";\n");
        self.statements += 1;
    }

    /// Lets the statements from here on fail when another session holds a lock, or when migrate has not made their table yet. The first
    /// one that fails and all behind it have no result.
    pub fn leave_rest_optional(&mut self) {
        self.required = Some(self.statements);
    }

    /// Sends the statements, and returns the result of each.
    ///
    /// # Errors
    /// The statements before the one that failed are undone, except before a `commit`. The ones behind it were not executed.
    pub async fn run(self, connection: &mut PgConnection) -> Result<Results, sqlx::Error> {
        let (mut results, mut result) = (Vec::new(), StatementResult::default());
        let mut answers = sqlx::raw_sql(AssertSqlSafe(self.text)).fetch_many(connection);
        let mut failure = None;
        // Also after an error the rest of the server's answer is read.
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Either::Right(row)) => result.rows.push(row),
                Ok(Either::Left(done)) => {
                    result.rows_affected = done.rows_affected();
                    results.push(std::mem::take(&mut result));
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        let is_optional = self
            .required
            .is_some_and(|required| results.len() >= required);
        match failure {
            Some(error) if !(is_optional && may_be_left_out(&error)) => Err(error),
            _ => Ok(Results(results.into_iter())),
        }
    }

    fn push_literal(&mut self, value: Literal<'_>) {
        match value {
            Literal::Integer(None) | Literal::Text(None) => self.text.push_str("null"),
            Literal::Integer(Some(number)) => _ = write!(self.text, "({number})"),
            Literal::Seconds(number) => _ = write!(self.text, "({number}::float8)"),
            Literal::Boolean(value) => _ = write!(self.text, "{value}"),
            Literal::Text(Some(text)) => self.push_text(text),
            Literal::Integers(numbers) => {
                self.push_list(numbers, |list, number| _ = write!(list, "{number}"));
            }
            Literal::Texts(texts) => self.push_list(texts, |list, text| match text {
                Some(text) => push_element(list, text),
                None => list.push_str("null"),
            }),
            Literal::Booleans(values) => {
                self.push_list(values, |list, value| _ = write!(list, "{value}"));
            }
        }
    }

    /// A list is one text in PostgreSQL's format of arrays, which the server parses much faster than thousands of expressions.
    fn push_list<T>(&mut self, values: &[T], push: impl Fn(&mut String, &T)) {
        let mut list = String::from("{");
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                list.push(',');
            }
            push(&mut list, value);
        }
        list.push('}');
        self.push_text(&list);
    }

    /// A session of wagrun has `standard_conforming_strings`, so a backslash means itself. No text of a database has a null byte.
    fn push_text(&mut self, text: &str) {
        self.text.push('\'');
        for part in text.replace('\0', "").split_inclusive('\'') {
            self.text.push_str(part);
            if part.ends_with('\'') {
                self.text.push('\'');
            }
        }
        self.text.push('\'');
    }
}

/// Adds a text as a quoted element of an array.
fn push_element(list: &mut String, text: &str) {
    list.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            list.push('\\');
        }
        list.push(character);
    }
    list.push('"');
}

/// SQLSTATEs of a database that migrate has not brought up to this version yet: undefined table, insufficient privilege.
const OLDER_SCHEMA: [&str; 2] = ["42P01", "42501"];

fn may_be_left_out(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    is_lock_conflict(error) || code.is_some_and(|code| OLDER_SCHEMA.contains(&code.as_ref()))
}

impl Results {
    /// Returns the result of the next statement. Without one it is empty.
    pub fn next(&mut self) -> StatementResult {
        self.0.next().unwrap_or_default()
    }
}

impl StatementResult {
    /// Reads all rows.
    pub fn rows<T: for<'r> FromRow<'r, PgRow>>(&self) -> Result<Vec<T>, sqlx::Error> {
        self.rows.iter().map(T::from_row).collect()
    }

    /// Reads the first row.
    pub fn row<T: for<'r> FromRow<'r, PgRow>>(&self) -> Result<T, sqlx::Error> {
        self.rows
            .first()
            .map_or(Err(sqlx::Error::RowNotFound), T::from_row)
    }

    /// Reads the first column of all rows.
    pub fn scalars<T>(&self) -> Result<Vec<T>, sqlx::Error>
    where
        (T,): for<'r> FromRow<'r, PgRow>,
    {
        Ok(self
            .rows::<(T,)>()?
            .into_iter()
            .map(|(value,)| value)
            .collect())
    }

    /// Reads the first column of the first row.
    pub fn scalar<T>(&self) -> Result<T, sqlx::Error>
    where
        (T,): for<'r> FromRow<'r, PgRow>,
    {
        self.row::<(T,)>().map(|(value,)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(statement: &str, values: &[Literal<'_>]) -> String {
        let mut script = Script::default();
        script.add(statement, values);
        script.text
    }

    #[test]
    fn a_text_is_one_literal_whatever_it_holds() {
        let value = Some("it's \\ $2 '");
        assert_eq!(
            text(
                "select $1, $2",
                &[Literal::Text(value), Literal::Text(None)]
            ),
            "select 'it''s \\ $2 ''', null\n;\n"
        );
    }

    #[test]
    fn lists_and_numbers_are_literals() {
        let texts = [Some("a'b\"c\\".to_owned()), None];
        let values = [
            Literal::Integers(&[1, -2]),
            Literal::Texts(&texts),
            Literal::Booleans(&[true, false]),
            Literal::Integer(Some(-7)),
            Literal::Integer(None),
            Literal::Seconds(0.5),
        ];
        assert_eq!(
            text("select $1, $2, $3, $4, $5, $6, $1", &values),
            "select '{1,-2}', '{\"a''b\\\"c\\\\\",null}', '{true,false}', (-7), null, (0.5::float8), '{1,-2}'\n;\n"
        );
    }

    #[test]
    fn comments_are_left_out_and_other_dollar_signs_are_kept() {
        assert_eq!(
            text(
                "-- $1: a number\nselect '^[0-9]+$', $1 -- $3",
                &[Literal::Boolean(true)]
            ),
            "select '^[0-9]+$', true -- $3\n;\n"
        );
    }
}
