//! Field names and rules that events are composed with.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;
use sqlx::types::Json;

use super::field_names::FieldNames;
use super::script::{Results, Script};
use super::visibility_rules::VisibilityRules;

/// Field names and rules that events are composed with.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// Field names by column name.
    pub names: FieldNames,
    /// Everything that decides the visibility of pages and documents besides their own rows.
    pub rules: VisibilityRules,
}

const FIELD_NAMES: &str = "select object, fields from wagrun.watched_table";

impl Reference {
    /// Reads the field names and the rules as they are now.
    ///
    /// # Errors
    /// Fails with a [lock conflict](super::is_lock_conflict) while a migration alters one of their tables.
    pub async fn load(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let mut script = Script::default();
        Self::add(&mut script);
        Self::read(&mut script.run(connection).await?)
    }

    /// Adds the statements that read them.
    pub(super) fn add(script: &mut Script) {
        script.add(FIELD_NAMES, &[]);
        VisibilityRules::add(script);
    }

    /// Reads the results of these statements.
    pub(super) fn read(results: &mut Results) -> Result<Self, sqlx::Error> {
        let tables: Vec<(String, Json<HashMap<String, String>>)> = results.next().rows()?;
        let tables = tables
            .into_iter()
            .map(|(object, Json(fields))| (object, fields));
        Ok(Self {
            names: FieldNames::from_tables(tables),
            rules: VisibilityRules::read(results)?,
        })
    }
}
