//! The editor that a site names by a comment of its statements.

use sqlx::{AssertSqlSafe, PgConnection};

use local_stack::postgres::MASTER;

use crate::support::database::Database;
use crate::support::migration::{manage, migrate_config};
use crate::support::runtime::run;
use crate::support::sql::execute;

/// Returns the editors of the captured changes in their order, and removes the changes.
async fn editors(session: &mut PgConnection) -> Vec<Option<String>> {
    let editors =
        sqlx::query_scalar("select editor from wagrun.outbox where not ends order by position")
            .fetch_all(&mut *session)
            .await
            .unwrap();
    execute(session, "delete from wagrun.outbox").await;
    editors
}

const INSERT: &str = "insert into blog_author (name, bio) values ('Ann', '')";

#[test]
fn a_comment_names_the_editor_of_its_statement_and_of_no_other() {
    run(async {
        let mut session = Database::new().await.connect().await;
        let long = "7".repeat(81);
        let large = "x".repeat(1_000_000);
        for (statement, expected) in [
            (format!("/*wagrun.editor=7*/ {INSERT}"), Some("7")),
            (INSERT.to_owned(), None),
            (
                format!("/*wagrun.editor=ann@example.org*/{INSERT}"),
                Some("ann@example.org"),
            ),
            (
                format!(
                    "/*wagrun.editor=6b0e9be0-3b6e-4b6c-8a57-0f6a4a1f7f00*/ do $$ begin {INSERT}; end $$"
                ),
                Some("6b0e9be0-3b6e-4b6c-8a57-0f6a4a1f7f00"),
            ),
            (
                format!(
                    "/*wagrun.editor=8*/ insert into blog_author (name, bio) values ('Ann', '{large}')"
                ),
                Some("8"),
            ),
            // A text of an editor is no comment with which the statement begins.
            (
                "insert into blog_author (name, bio) values ('/*wagrun.editor=1*/', '')".to_owned(),
                None,
            ),
            (format!("/* a tool */ /*wagrun.editor=1*/ {INSERT}"), None),
            (format!("/*wagrun.editor=*/ {INSERT}"), None),
            (
                format!("/*wagrun.editor={}*/ {INSERT}", &long[1..]),
                Some(&long[1..]),
            ),
            (format!("/*wagrun.editor={long}*/ {INSERT}"), None),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
                .execute(&mut session)
                .await
                .unwrap();
            let start: String = statement.chars().take(120).collect();
            assert_eq!(
                editors(&mut session).await,
                [expected.map(str::to_owned)],
                "{start}"
            );
        }
    });
}

#[test]
fn a_setting_names_the_editor_of_statements_without_a_comment() {
    run(async {
        let mut session = Database::new().await.connect().await;
        execute(
            &mut session,
            &format!(
                "set wagrun.editor = '3';\n{INSERT};\n/*wagrun.editor=7*/ {INSERT};\n/*wagrun.editor=*/ {INSERT};\n\
                 begin; set local wagrun.editor = '4'; {INSERT}; commit"
            ),
        )
        .await;
        let expected = [Some("3"), Some("7"), None, Some("4")];
        assert_eq!(
            editors(&mut session).await,
            expected.map(|it| it.map(str::to_owned))
        );
    });
}

/// Django with the driver's ways to send a statement. Each insert has the editor in its name.
const DJANGO: &str = "
from contextlib import nullcontext

from blog.models import Author
from django.db import connection
from wagrun.editor import editing_as

def named(name):
    return Author(name=name, bio='100 %')

for prepare_threshold, binding in [(None, False), (None, True), (0, True)]:
    connection.close()
    connection.settings_dict['OPTIONS'] |= {'server_side_binding': binding, 'prepare_threshold': prepare_threshold}
    for key in ['7', '8', None, '7']:
        with editing_as(key) if key else nullcontext():
            named(key or 'none').save()
            Author.objects.bulk_create([named(key or 'none'), named(key or 'none')])
            Author.objects.filter(name=key).update(bio='changed')
            with connection.cursor() as cursor:
                insert = 'insert into blog_author (name, bio) values (%s, %s)'
                cursor.executemany(insert, [(key or 'none', '1'), (key or 'none', '2')])
                if binding:
                    with connection.connection.pipeline():
                        cursor.execute(insert, (key or 'none', '3'))
                        cursor.execute(insert, (key or 'none', '4'))
            Author.objects.filter(name=key).delete()
";

#[test]
fn every_way_in_which_django_sends_a_statement_carries_the_comment() {
    run(async {
        let database = Database::new().await;
        let config = migrate_config(database.config(MASTER)).await;
        let shell = ["shell", "--verbosity", "0", "--command", DJANGO];
        manage(
            &config.site_directory,
            &database,
            &config.site_python,
            &shell,
        )
        .await;
        let mut session = database.connect().await;
        let (changes, wrong): (i64, i64) = sqlx::query_as(
            "select count(*), count(*) filter (where coalesce(editor, 'none') <> coalesce(after, before) ->> 'name')
             from wagrun.outbox where not ends",
        )
        .fetch_one(&mut session)
        .await
        .unwrap();
        assert!(changes > 150, "{changes}");
        assert_eq!(wrong, 0);
    });
}
