//! Everything that the role of the site and the role of the relay may do in the database, tried object by object.
//!
//! `role_rights/expected.txt` has a line for each object of wagrun's and for each right elsewhere. A new table or function without a
//! line fails the test, and so does a right that no line has.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::database::Database;
use crate::support::runtime::run;
use crate::support::sql::{RELAY_ROLE, WEB_ROLE, execute};

const EXPECTED: &str = include_str!("role_rights/expected.txt");
/// The line for the tables of the site that have none of their own.
const OTHER_TABLES: &str = "table public.*: ";
/// The line for the sequences of the site that have none of their own.
const OTHER_SEQUENCES: &str = "sequence public.*: ";
/// A role without any right of its own.
const NOBODY: &str = "nobody_at_all";

/// An object that rights are about.
#[derive(Debug, sqlx::FromRow)]
struct Object {
    kind: String,
    name: String,
    /// The columns of a table.
    columns: Vec<String>,
    /// The call of a function with null for each argument.
    call: Option<String>,
}

/// Every object outside the schemas of the system and of AWS, whose extension is another one here.
const OBJECTS: &str = "
    select case relkind when 'S' then 'sequence' else 'table' end as kind, format('%I.%I', nspname, relname) as name,
           array(select quote_ident(attname) from pg_attribute
                 where attrelid = pg_class.oid and attnum > 0 and not attisdropped order by attnum) as columns, null as call
    from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind in ('r', 'p', 'v', 'm', 'f', 'S') and nspname !~ '^(pg|aws)_' and nspname <> 'information_schema'
    union all
    select 'function', format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)), '{}',
           format('select %I.%I(%s) from (select %s offset 0) as arguments', nspname, proname,
               (select string_agg('a' || place, ', ' order by place) from unnest(proargtypes) with ordinality as a (type, place)),
               (select string_agg(format('null::%s as a%s', format_type(type, null), place), ', ' order by place)
                from unnest(proargtypes) with ordinality as a (type, place)))
    from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
    where nspname !~ '^(pg|aws)_' and nspname <> 'information_schema'
    order by 1, 2";

/// Every other right of a role, by the catalogues: of the system's objects, of what is no relation, of what it owns and is.
const OTHER_RIGHTS: &str = "
    select format('database: %s', r) from pg_database, unnest(array['create', 'connect', 'temporary']) as r
    where datname = current_database() and has_database_privilege($1, pg_database.oid, r)
    union all
    select format('schema %s: %s', nspname, r) from pg_namespace, unnest(array['create', 'usage']) as r
    where has_schema_privilege($1, pg_namespace.oid, r)
    union all
    select format('language %s', lanname) from pg_language where has_language_privilege($1, oid, 'usage')
    union all
    select format('tablespace %s', spcname) from pg_tablespace where has_tablespace_privilege($1, oid, 'create')
    union all
    select format('foreign data wrapper %s', fdwname) from pg_foreign_data_wrapper
    where has_foreign_data_wrapper_privilege($1, oid, 'usage')
    union all
    select format('foreign server %s', srvname) from pg_foreign_server where has_server_privilege($1, oid, 'usage')
    union all
    select format('parameter %s: %s', parname, r) from pg_parameter_acl, unnest(array['set', 'alter system']) as r
    where has_parameter_privilege($1, parname, r)
    union all
    select format('type %s', pg_type.oid::regtype) from pg_type join pg_namespace on pg_namespace.oid = typnamespace
    where nspname = 'pg_catalog' and has_type_privilege($1, pg_type.oid, 'usage')
    union all
    select format('%s: %s', pg_class.oid::regclass, r) from pg_class join pg_namespace on pg_namespace.oid = relnamespace,
        unnest(array['select', 'insert', 'update', 'references']) as r
    where relkind in ('r', 'p', 'v', 'm', 'f') and (nspname ~ '^pg_' or nspname = 'information_schema')
      and has_any_column_privilege($1, pg_class.oid, r)
    union all
    select format('%s: %s', pg_class.oid::regclass, r) from pg_class, unnest(array['delete', 'truncate', 'trigger']) as r
    where relkind in ('r', 'p', 'v', 'm', 'f') and relnamespace <> 'public'::regnamespace
      and relnamespace <> 'wagrun'::regnamespace and has_table_privilege($1, pg_class.oid, r)
    union all
    select format('references or trigger on %s: %s', pg_class.oid::regclass, r) from pg_class, unnest(array['references', 'trigger']) as r
    where relkind in ('r', 'p', 'v', 'm', 'f') and relnamespace in ('public'::regnamespace, 'wagrun'::regnamespace)
      and has_table_privilege($1, pg_class.oid, r)
    union all
    select format('function %s', pg_proc.oid::regprocedure) from pg_proc join pg_namespace on pg_namespace.oid = pronamespace
    where (nspname ~ '^pg_' or nspname = 'information_schema') and has_function_privilege($1, pg_proc.oid, 'execute')
    union all
    select format('member of %s', rolname) from pg_roles where rolname <> $1 and pg_has_role($1, pg_roles.oid, 'member')
    union all
    select format('attribute %s', key) from pg_roles, jsonb_each_text(to_jsonb(pg_roles) - 'rolname')
    where rolname = $1 and key ~ '^rol(super|createrole|createdb|replication|bypassrls)$' and value = 'true'
    union all
    select format('owner of %s', pg_describe_object(classid, objid, objsubid)) from pg_shdepend
    where refclassid = 'pg_authid'::regclass and refobjid = $1::regrole and deptype = 'o'
    union all
    select format('large object %s', oid) from pg_largeobject_metadata
    union all
    select format('default of its own: %s', defaclobjtype) from pg_default_acl where defaclrole = $1::regrole";

/// Returns true unless the server refuses a statement for want of privileges. Nothing of it stays.
async fn is_permitted(session: &mut PgConnection, statement: &str) -> bool {
    let tried = sqlx::raw_sql(AssertSqlSafe(format!("begin; {statement}")))
        .execute(&mut *session)
        .await;
    execute(session, "rollback").await;
    match tried {
        Ok(_) => true,
        // Any other error comes after the check, or shows that the statement of this test is wrong: both have to be looked at.
        Err(error) => {
            let refused = error.as_database_error().unwrap();
            refused.code().unwrap() != "42501"
        }
    }
}

/// Returns the names of the rights that a role really has on an object.
async fn rights(session: &mut PgConnection, object: &Object) -> Vec<String> {
    let name = &object.name;
    let mut rights = Vec::new();
    for (right, statement) in [
        ("select", "select {column} from {name} limit 0"),
        ("insert", "insert into {name} ({column}) values (default)"),
        ("update", "update {name} set {column} = default where false"),
    ] {
        let mut permitted = Vec::new();
        for column in object.columns.iter().filter(|_| object.kind == "table") {
            let statement = statement
                .replace("{name}", name)
                .replace("{column}", column);
            if is_permitted(session, &statement).await {
                permitted.push(column.as_str());
            }
        }
        if permitted.len() == object.columns.len() && !permitted.is_empty() {
            rights.push(right.to_owned());
        } else if !permitted.is_empty() {
            rights.push(format!("{right} ({})", permitted.join(", ")));
        }
    }
    let others = match object.kind.as_str() {
        "table" => vec![
            ("delete", format!("delete from {name} where false")),
            ("truncate", format!("truncate {name}")),
            ("owner", format!("comment on table {name} is null")),
            ("owner", format!("alter table {name} disable trigger all")),
            (
                "owner",
                format!("alter table {name} add column another int"),
            ),
            ("owner", format!("create index on {name} ((1))")),
            (
                "owner",
                format!("create rule another as on insert to {name} do nothing"),
            ),
            ("owner", format!("create policy another on {name}")),
            ("owner", format!("drop table {name}")),
            (
                "trigger",
                format!(
                    "create trigger another after insert on {name} for each row
                     execute function suppress_redundant_updates_trigger()"
                ),
            ),
        ],
        "sequence" => vec![
            ("usage", format!("select nextval('{name}')")),
            ("select", format!("select last_value from {name}")),
            ("update", format!("select setval('{name}', 1)")),
            ("owner", format!("alter sequence {name} restart")),
        ],
        _ => vec![
            ("execute", object.call.clone().unwrap()),
            (
                "owner",
                format!("alter routine {name} owner to current_user"),
            ),
            ("owner", format!("drop routine {name}")),
        ],
    };
    for (right, statement) in others {
        if is_permitted(session, &statement).await && !rights.iter().any(|known| known == right) {
            rights.push(right.to_owned());
        }
    }
    rights
}

fn listed(rights: &[String]) -> String {
    match rights {
        [] => "nothing".to_owned(),
        rights => rights.join(", "),
    }
}

/// Returns a line for each object that is not like most.
async fn lines(database: &Database) -> BTreeSet<String> {
    let mut owner = database.connect().await;
    let objects: Vec<Object> = sqlx::query_as(OBJECTS).fetch_all(&mut owner).await.unwrap();
    assert!(objects.len() > 100, "{}", objects.len());
    let mut web = database.connect_as(WEB_ROLE).await;
    let mut relay = database.connect_as(RELAY_ROLE).await;
    let mut lines = BTreeSet::new();
    for object in objects {
        let of_web = rights(&mut web, &object).await;
        let of_relay = rights(&mut relay, &object).await;
        let rights = format!("web {}; relay {}", listed(&of_web), listed(&of_relay));
        let line = format!("{} {}: {rights}", object.kind, object.name);
        let is_like_others = [OTHER_TABLES, OTHER_SEQUENCES].iter().any(|others| {
            let schema = others.trim_end_matches("*: ");
            line.starts_with(schema) && EXPECTED.contains(&format!("{others}{rights}\n"))
        });
        if !is_like_others {
            lines.insert(line);
        }
    }
    lines
}

async fn other_rights(database: &Database, role: &str) -> BTreeSet<String> {
    let mut observer = database.observer().await;
    let rights: Vec<String> = sqlx::query_scalar(OTHER_RIGHTS)
        .bind(role)
        .fetch_all(&mut observer)
        .await
        .unwrap();
    rights.into_iter().collect()
}

#[test]
fn the_roles_have_the_rights_that_are_listed_and_no_others() {
    run(async {
        let database = Database::new().await;
        let postgres = database.postgres();
        postgres.install_aws_lambda(&database.name).await.unwrap();
        let mut observer = database.observer().await;
        // Another test that stopped half-way may have left it: roles are of the whole server.
        execute(&mut observer, &format!("drop role if exists {NOBODY}")).await;
        execute(&mut observer, &format!("create role {NOBODY} login")).await;
        let mut found = lines(&database).await;
        let of_nobody = other_rights(&database, NOBODY).await;
        assert!(of_nobody.len() > 1000, "{}", of_nobody.len());
        for (label, role) in [("web", WEB_ROLE), ("relay", RELAY_ROLE)] {
            let of_role = other_rights(&database, role).await;
            found.extend(
                of_role
                    .difference(&of_nobody)
                    .map(|right| format!("{label}: {right}")),
            );
        }
        execute(&mut observer, &format!("drop role {NOBODY}")).await;

        let written = EXPECTED
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let written = written.filter(|line| !line.contains(" public.*: "));
        let expected: BTreeSet<String> = written.map(str::to_owned).collect();
        let difference: Vec<String> = (found.difference(&expected).map(|line| format!("+ {line}")))
            .chain(expected.difference(&found).map(|line| format!("- {line}")))
            .collect();
        assert!(difference.is_empty(), "\n{}", difference.join("\n"));
    });
}
