//! Objects that stand in the way of functions that run as their owner.

use sqlx::{AssertSqlSafe, PgConnection};

use super::code;
use crate::support::database::Database;
use crate::support::outbox_rows::event_states;
use crate::support::runtime::run;
use crate::support::sql::{RELAY_ROLE, WEB_ROLE, execute};

/// Objects of the session itself with the names that functions use. Each would tell who runs it.
const TEMPORARY_OBJECTS: &str = "
    create function pg_temp.caught() returns boolean language plpgsql as
        $$ begin raise exception 'ran as %', current_user using errcode = 'XX999'; end $$;
    create function pg_temp.same(varchar, varchar) returns boolean language sql as 'select pg_temp.caught()';
    create function pg_temp.joined(varchar, varchar) returns varchar language sql as 'select pg_temp.caught()::text';
    create operator pg_temp.= (leftarg = varchar, rightarg = varchar, function = pg_temp.same);
    create operator pg_temp.|| (leftarg = varchar, rightarg = varchar, function = pg_temp.joined);
    create function pg_temp.current_setting(text, boolean) returns text language sql as 'select pg_temp.caught()::text';
    create function pg_temp.set_config(text, text, boolean) returns text language sql as 'select pg_temp.caught()::text';
    create function pg_temp.to_jsonb(anyelement) returns jsonb language sql as 'select pg_temp.caught()::text::jsonb';
    create function pg_temp.quote_literal(text) returns text language sql as 'select pg_temp.caught()::text'";

#[test]
fn objects_of_the_session_do_not_get_into_functions_that_run_as_their_owner() {
    run(async {
        let database = Database::new().await;
        let mut master = database.connect().await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select distinct relname::text from pg_class
             where relkind = 'r' and relnamespace in ('wagrun'::regnamespace, 'public'::regnamespace, 'pg_catalog'::regnamespace)
               and (relnamespace <> 'pg_catalog'::regnamespace or relname in ('pg_class', 'pg_attribute', 'pg_index', 'pg_proc'))",
        )
        .fetch_all(&mut master)
        .await
        .unwrap();
        let mut relay = database.connect_as(RELAY_ROLE).await;
        let before = reads(&mut relay).await;
        for role in [RELAY_ROLE, WEB_ROLE] {
            let mut session = database.connect_as(role).await;
            execute(&mut session, TEMPORARY_OBJECTS).await;
            for table in &tables {
                execute(&mut session, &format!("create temp table {table} ()")).await;
            }
            execute(
                &mut session,
                "set search_path = pg_temp, public, pg_catalog",
            )
            .await;
            // The objects are in the way of the session itself, or this test would see nothing.
            let caught = sqlx::raw_sql("select 'a'::varchar operator(pg_temp.=) 'b'::varchar")
                .execute(&mut session)
                .await
                .unwrap_err();
            assert_eq!(code(&caught), "XX999");
            let hidden: i64 = pg_catalog_count(&mut session).await;
            assert_eq!(hidden, 0);
            if role == RELAY_ROLE {
                assert_eq!(reads(&mut session).await, before);
            } else {
                execute(
                    &mut session,
                    "update public.wagtailcore_page set title = 'with objects in the way', expire_at = '2030-01-01T00:00:00Z'
                     where id operator(pg_catalog.=) 3",
                )
                .await;
            }
        }
        assert_eq!(event_states(&mut master, "page/3").await.len(), 1);
        let schedule_changes: i64 =
            sqlx::query_scalar("select count(*) from wagrun.schedule_change")
                .fetch_one(&mut master)
                .await
                .unwrap();
        assert_eq!(schedule_changes, 1);
    });
}

/// The number of rows that the session sees under the name of a catalogue.
async fn pg_catalog_count(session: &mut PgConnection) -> i64 {
    sqlx::query_scalar("select count(*) from pg_class")
        .fetch_one(session)
        .await
        .unwrap()
}

/// Returns the results of every function that reads as its owner.
async fn reads(session: &mut PgConnection) -> Vec<String> {
    let mut results = Vec::new();
    for call in [
        "wagrun.present_state('blog.blogpage', null, 100)",
        "wagrun.present_state('wagtailcore.page', null, 100)",
        "wagrun.site_roots(true)",
        "wagrun.view_restrictions()",
        "wagrun.collections()",
        "wagrun.seen_objects('', 100)",
        "wagrun.url_patterns()",
        "wagrun.editor_name('1')",
        "wagrun.due_minutes('2026-01-01T00:00:00Z', 100)",
        "wagrun.as_key('17')",
    ] {
        let query = format!(
            "select pg_catalog.string_agg(result::pg_catalog.text, ' ') from {call} as result"
        );
        let result: Option<String> = sqlx::query_scalar(AssertSqlSafe(query))
            .fetch_one(&mut *session)
            .await
            .unwrap_or_else(|error| panic!("{call}: {error}"));
        results.push(result.unwrap_or_default());
    }
    results
}

#[test]
fn every_function_that_runs_as_its_owner_has_a_fixed_search_path_with_temporary_objects_last() {
    run(async {
        let database = Database::new().await;
        let mut master = database.connect().await;
        let functions: Vec<(String, Option<String>)> = sqlx::query_as(
            "select pg_proc.oid::regprocedure::text,
                    (select setting from unnest(proconfig) as setting where setting like 'search_path=%')
             from pg_proc where prosecdef and pronamespace = 'wagrun'::regnamespace",
        )
        .fetch_all(&mut master)
        .await
        .unwrap();
        assert!(functions.len() >= 12, "{functions:?}");
        for (name, search_path) in functions {
            let search_path = search_path.unwrap_or_else(|| panic!("{name} has no search_path"));
            let is_fixed = ["pg_catalog, pg_temp", "pg_catalog, public, pg_temp"]
                .iter()
                .any(|allowed| search_path == format!("search_path={allowed}"));
            assert!(is_fixed, "{name}: {search_path}");
        }
    });
}
