//! The ways in which a change is captured, one of which is on at a time.

use sqlx::{AssertSqlSafe, PgConnection};

/// A way in which a change is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// No trigger.
    Without,
    /// The outbox that a team writes first: the row as JSON, by one trigger for each row.
    Plain,
    /// wagrun, which rings by a line of the server's log.
    Logs,
    /// wagrun, which rings by a call.
    Call,
    /// A trigger that calls a function with each row.
    CallForEachRow,
}

impl Variant {
    /// In the order of the columns.
    pub const ALL: [Self; 5] = [
        Self::Without,
        Self::Plain,
        Self::Logs,
        Self::Call,
        Self::CallForEachRow,
    ];

    /// Switches the triggers of the other variants off, and empties both outboxes.
    pub async fn switch_to(self, session: &mut PgConnection) -> Result<(), sqlx::Error> {
        let triggers = match self {
            Self::Without => "none",
            Self::Plain => "plain_outbox",
            Self::Logs | Self::Call => "wagrun%",
            Self::CallForEachRow => "plain_call",
        };
        let doorbell = match self {
            Self::Call => {
                "insert into wagrun.setting (name, value) values ('doorbell_function', 'content-events')
                 on conflict (name) do nothing"
            }
            _ => "delete from wagrun.setting where name = 'doorbell_function'",
        };
        let statement = format!(
            "do $$ declare it record; begin
                 for it in
                     select tgname, tgrelid::regclass as on_table, tgname like '{triggers}' as is_on from pg_trigger
                     where tgrelid in ('wagtailcore_page'::regclass, 'blog_blogpage'::regclass, 'blog_relatedlink'::regclass)
                       and not tgisinternal
                 loop
                     execute format('alter table %s %s trigger %I', it.on_table, case when it.is_on then 'enable' else 'disable' end,
                         it.tgname);
                 end loop;
             end $$;
             {doorbell};
             truncate plain.outbox, wagrun.outbox"
        );
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(session)
            .await
            .map(drop)
    }
}

/// Creates the triggers of the other variants, a thousand inline children of a page, and the call that takes ten milliseconds.
pub async fn install(
    session: &mut PgConnection,
    superuser: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "create schema aws_lambda; grant usage on schema aws_lambda to public;
         create function aws_lambda.invoke(
             function_name text, payload jsonb, invocation_type text, out status_code integer, out answer text)
         language plpgsql as $$ begin
             perform pg_sleep(0.010);
             status_code := 202;
         end $$",
    )
    .execute(superuser)
    .await?;
    sqlx::raw_sql(
        "begin;
         set local wagrun.capture = 'off';
         insert into blog_relatedlink (sort_order, title, url, page_id)
         select number, 'Link ' || number, 'https://example.org/', (select id from bench_page where number = 1)
         from generate_series(1, 1000) as number;
         commit;
         create function plain.capture_id() returns trigger language plpgsql as $$ begin
             insert into plain.outbox (object, old, new) values (tg_argv[0] || new.id, to_jsonb(old), to_jsonb(new));
             return null;
         end $$;
         create function plain.capture_type() returns trigger language plpgsql as $$ begin
             insert into plain.outbox (object, old, new) values (tg_argv[0] || new.page_ptr_id, to_jsonb(old), to_jsonb(new));
             return null;
         end $$;
         create function plain.call() returns trigger language plpgsql as $$ begin
             perform aws_lambda.invoke('consumer', jsonb_build_object('old', to_jsonb(old), 'new', to_jsonb(new)), 'Event');
             return null;
         end $$;
         create trigger plain_outbox after update on wagtailcore_page for each row execute function plain.capture_id('page/');
         create trigger plain_outbox after update on blog_blogpage for each row execute function plain.capture_type('page/');
         create trigger plain_outbox after update on blog_relatedlink for each row execute function plain.capture_id('link/');
         create trigger plain_call after update on wagtailcore_page for each row execute function plain.call();
         create trigger plain_call after update on blog_blogpage for each row execute function plain.call();
         create trigger plain_call after update on blog_relatedlink for each row execute function plain.call()",
    )
    .execute(session)
    .await
    .map(drop)
}
