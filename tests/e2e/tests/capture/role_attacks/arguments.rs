//! Arguments of functions that run as their owner.

use sqlx::{AssertSqlSafe, PgConnection};

use super::CANARY;
use crate::support::database::Database;
use crate::support::runtime::run;
use crate::support::sql::{RELAY_ROLE, execute};

/// Texts that end a literal, an identifier or a format, and go on with a statement or a query of their own.
const HOSTILE_TEXTS: &[&str] = &[
    "'; create table public.injected (); --",
    "''; create table public.injected (); --",
    "\\'; create table public.injected (); --",
    "\"; create table public.injected (); --",
    "x' union select password from auth_user --",
    "0 union all select password from auth_user",
    "' || (select string_agg(password, ',') from auth_user) || '",
    "$$; create table public.injected (); $$",
    "%s %I %L %1$s %",
    "auth_user",
    "auth.user",
    "blog.author",
    "page/3",
    "1",
    "1 or true",
    "' or '1' = '1",
    "\u{2019}; create table public.injected (); --",
    "",
];

#[derive(Debug, sqlx::FromRow)]
struct Function {
    name: String,
    types: Vec<String>,
}

#[test]
fn no_argument_of_a_function_gives_the_relay_role_more_than_its_result() {
    run(async {
        let database = Database::new().await;
        let mut master = database.connect().await;
        keep_canaries(&mut master).await;
        let mut relay = database.connect_as(RELAY_ROLE).await;
        let functions: Vec<Function> = sqlx::query_as(
            "select pg_proc.oid::regproc::text as name,
                    array(select format_type(type, null) from unnest(proargtypes) as type) as types
             from pg_proc where pronamespace = 'wagrun'::regnamespace and has_function_privilege(pg_proc.oid, 'execute')",
        )
        .fetch_all(&mut relay)
        .await
        .unwrap();
        assert!(functions.len() >= 10, "{functions:?}");
        let models: Vec<String> =
            sqlx::query_scalar("select distinct model from wagrun.watched_table")
                .fetch_all(&mut relay)
                .await
                .unwrap();
        let texts: Vec<&str> = HOSTILE_TEXTS
            .iter()
            .copied()
            .chain(models.iter().map(String::as_str))
            .collect();
        for function in functions {
            for text in &texts {
                for is_everywhere in [true, false] {
                    let call = call(&function, text, is_everywhere);
                    assert_harmless(&mut relay, &call).await;
                }
            }
        }
    });
}

/// Returns the call of a function with this text. It is in every argument of a text type, or only in the first.
fn call(function: &Function, text: &str, is_everywhere: bool) -> String {
    let literal = format!("'{}'", text.replace('\'', "''"));
    let mut texts = 0;
    let arguments: Vec<String> = function
        .types
        .iter()
        .map(|of_type| match of_type.as_str() {
            "text" => {
                texts += 1;
                match is_everywhere || texts == 1 {
                    true => literal.clone(),
                    false => "null".to_owned(),
                }
            }
            "bigint" | "integer" => "1000".to_owned(),
            "bigint[]" => "array(select sequence from wagrun.event)".to_owned(),
            "boolean" => "true".to_owned(),
            "timestamp with time zone" => "now()".to_owned(),
            "jsonb" => format!("jsonb_build_object({literal}, {literal})"),
            other => format!("null::{other}"),
        })
        .collect();
    let arguments = arguments.join(", ");
    format!(
        "select coalesce(string_agg(result::text, ' '), '') from {}({arguments}) as result",
        function.name
    )
}

async fn assert_harmless(session: &mut PgConnection, call: &str) {
    execute(session, "begin").await;
    let result: Result<String, sqlx::Error> = sqlx::query_scalar(AssertSqlSafe(call.to_owned()))
        .fetch_one(&mut *session)
        .await;
    // After an error the server has undone everything.
    if let Ok(result) = result {
        assert!(!result.contains(CANARY), "{call}: {result}");
        let injected: bool =
            sqlx::query_scalar("select to_regclass('public.injected') is not null")
                .fetch_one(&mut *session)
                .await
                .unwrap();
        assert!(!injected, "{call}");
    }
    execute(session, "rollback").await;
}

/// Puts the canary into columns that no event shows.
async fn keep_canaries(master: &mut PgConnection) {
    let statements = [
        format!(
            "insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
             values ('{CANARY}', true, 'somebody', '', '', '{CANARY}', true, true, now())"
        ),
        format!(
            "insert into wagtailcore_pageviewrestriction (restriction_type, password, page_id)
             values ('password', '{CANARY}', 3)"
        ),
        format!("insert into django_session values ('{CANARY}', '{CANARY}', now())"),
    ];
    for statement in statements {
        execute(master, &statement).await;
    }
}
