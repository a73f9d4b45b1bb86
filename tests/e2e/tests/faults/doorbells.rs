//! The doorbell of the database. `aws_lambda.invoke` writes each ring to the server's log. A reader of the log passes the rings on,
//! or loses, doubles and delays them.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use sqlx::PgConnection;

use super::invocations::Invocations;
use crate::support::sql::execute;

/// The text before the payload in the log.
const MARK: &str = "LOG:  ring ";
const READ_INTERVAL: Duration = Duration::from_millis(5);
/// The largest delay of a ring.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// Writes a ring to the log.
const LOG_RING: &str = "
    create function aws_lambda.log_ring(payload text) returns int language plpgsql security definer set search_path = pg_catalog
    as $$ begin raise log 'ring %', payload; return 202; end $$;
    grant execute on function aws_lambda.log_ring to public";

/// The stand-in for Lambda. It rings before the commit, as the real one does, also for a transaction that is rolled back then.
const LOGGING_LAMBDA: &str = "
    create or replace function aws_lambda.invoke(
        function_name text, payload TYPE, region text default null, invocation_type text default 'RequestResponse',
        log_type text default 'None', context TYPE default null, qualifier varchar(128) default null,
        out status_code int, out payload TYPE, out executed_version text, out log_result text)
        language sql volatile security definer set search_path = pg_catalog
    as $$ select aws_lambda.log_ring($2::text), null::TYPE, null::text, null::text $$";

/// Lets some commits take their time after the ring, as they do on a busy database.
///
/// With `faults.commits_after_a_run` a commit waits until a run of content-events has come, and has left again or waited for a second.
const SLOW_COMMITS: &str = "
    create function aws_lambda.is_a_run_there() returns boolean language plpgsql set search_path = pg_catalog
    as $$ begin
        perform pg_stat_clear_snapshot();
        return exists (select from pg_stat_activity
                       where datname = current_database() and application_name = 'wagrun content-events');
    end $$;
    create function aws_lambda.commit_slowly() returns trigger language plpgsql security definer set search_path = pg_catalog
    as $$ declare until timestamptz := clock_timestamp() + interval '30 seconds';
    begin
        if current_setting('faults.commits_after_a_run', true) = 'on' then
            while not aws_lambda.is_a_run_there() and clock_timestamp() < until loop perform pg_sleep(0.01); end loop;
            until := clock_timestamp() + interval '1 second';
            while aws_lambda.is_a_run_there() and clock_timestamp() < until loop perform pg_sleep(0.01); end loop;
        elsif random() < 0.3 then
            perform pg_sleep(0.05);
        end if;
        return null;
    end $$;
    create constraint trigger later_than_the_doorbell after insert on wagrun.outbox deferrable initially deferred
    for each row when (new.rings) execute function aws_lambda.commit_slowly()";

/// Replaces the doorbell of a database, and makes some of its commits slow.
pub async fn install(superuser: &mut PgConnection) {
    execute(superuser, LOG_RING).await;
    sqlx::raw_sql(SLOW_COMMITS)
        .execute(&mut *superuser)
        .await
        .unwrap();
    for json in ["json", "jsonb"] {
        execute(superuser, &LOGGING_LAMBDA.replace("TYPE", json)).await;
    }
}

/// The rings of a run.
#[derive(Debug, Default)]
pub struct Doorbells {
    /// True if rings may be lost.
    may_be_lost: bool,
    pub rung: AtomicUsize,
    pub lost: AtomicUsize,
    pub doubled: AtomicUsize,
    pub delayed: AtomicUsize,
}

impl Doorbells {
    pub fn new(may_be_lost: bool) -> Self {
        Self {
            may_be_lost,
            ..Self::default()
        }
    }

    /// Reads the log from its present end, and invokes the function for its rings, until the future is dropped.
    pub async fn pass_on(&self, log: PathBuf, function: Arc<Invocations>, mut rng: Rng) {
        let mut file = std::fs::File::open(log).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        let mut unread = Vec::new();
        loop {
            tokio::time::sleep(READ_INTERVAL).await;
            file.read_to_end(&mut unread).unwrap();
            let Some(end) = unread.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let lines: Vec<u8> = unread.drain(..=end).collect();
            for line in String::from_utf8_lossy(&lines).lines() {
                if let Some((_, payload)) = line.split_once(MARK) {
                    let payload = serde_json::from_str(payload).unwrap();
                    self.ring(&function, payload, &mut rng);
                }
            }
        }
    }

    fn ring(&self, function: &Arc<Invocations>, payload: Value, rng: &mut Rng) {
        let count = |counter: &AtomicUsize| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        count(&self.rung);
        match rng.u8(..10) {
            0 | 1 if self.may_be_lost => count(&self.lost),
            2 => {
                count(&self.doubled);
                function.invoke(payload.clone());
                function.invoke(payload);
            }
            3 | 4 => {
                count(&self.delayed);
                let delay = MAX_DELAY.mul_f64(rng.f64());
                let function = Arc::clone(function);
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    function.invoke(payload);
                });
            }
            _ => function.invoke(payload),
        }
    }
}
