//! Interleavings that random editors seldom meet. Each begins when everything is at rest, so that no other ring makes up for its own.

use std::time::Duration;

use sqlx::PgConnection;
use wagrun_database::outbox::Lock;
use wagrun_event::Event;

use super::world::World;
use crate::property::content::{FIRST_BULK_AUTHOR, NAMED_AUTHORS};
use crate::support::database::Database;
use crate::support::sql::{WEB_ROLE, execute, wait_until_true};

const PAIRS: usize = 4;
/// The time that the topic takes for a batch.
const PUBLICATION_DELAY: Duration = Duration::from_millis(600);
/// The authors that the two transactions of a long pass change four times, and those that they change twice.
///
/// A claim examines 2 000 changes. With the first sizes it ends within the second transaction. With the second sizes it ends with the
/// first transaction, which also has one more change and the mark of its end.
const LONG_PASSES: [[AuthorCounts; 2]; 2] = [[(300, 0), (300, 0)], [(499, 1), (1, 0)]];
type AuthorCounts = (u32, u32);

/// True when everything is published, and no function works.
const AT_REST: &str = "
    select not exists (select from wagrun.outbox)
        and not exists (select from wagrun.event where settled_at is null)
        and not exists (select from wagrun.visibility where decide_at is not null)
        and not exists (select from pg_stat_activity
                        where datname = current_database() and application_name like 'wagrun%')";

/// Sends all interleavings.
pub async fn send(database: &Database, world: &World) {
    let mut sessions = [
        database.connect_as(WEB_ROLE).await,
        database.connect_as(WEB_ROLE).await,
    ];
    let mut observer = database.observer().await;
    for number in 0..PAIRS {
        commit_in_pair(&mut sessions, &mut observer, world, number).await;
    }
    for sizes in LONG_PASSES {
        commit_around_a_claim(&mut sessions, &mut observer, world, sizes).await;
    }
    wait_until_true(&mut observer, AT_REST).await;
    world.delay_publication(Duration::ZERO);
}

/// Sends two transactions. The first one commits after its ring has started a run. The second one commits while the topic still takes
/// the event of the first. It rings for a drainer that finds the lock taken.
async fn commit_in_pair(
    sessions: &mut [PgConnection; 2],
    observer: &mut PgConnection,
    world: &World,
    number: usize,
) {
    wait_until_true(observer, AT_REST).await;
    let calls = world.delay_publication(PUBLICATION_DELAY);
    for (session, (is_after_a_run, author)) in sessions
        .iter_mut()
        .zip([("on", NAMED_AUTHORS[0]), ("off", NAMED_AUTHORS[1])])
    {
        let statements = format!(
            "begin;\nselect set_config('faults.commits_after_a_run', '{is_after_a_run}', true);\n\
             update blog_author set name = 'pair {number}' where id = {author};\ncommit"
        );
        execute(session, &statements).await;
        world.wait_for_publication(calls).await;
    }
}

/// Lets a pass need two claims, and commits behind the first of them.
///
/// The topic refuses the first event of an author, whose second one is in the second claim. Another author is changed early by a
/// transaction that commits after the first claim, and then by one that waited for it.
async fn commit_around_a_claim(
    sessions: &mut [PgConnection; 2],
    observer: &mut PgConnection,
    world: &World,
    sizes: [AuthorCounts; 2],
) {
    wait_until_true(observer, AT_REST).await;
    let [session, early] = sessions;
    let [refused, waited_for, _] = NAMED_AUTHORS;
    let first_text = format!("refused {sizes:?}");
    let is_refused = first_text.clone();
    world
        .topic
        .fail(move |event: &Event| serde_json::to_string(event).unwrap().contains(&is_refused));
    let calls = world.delay_publication(PUBLICATION_DELAY);
    let lock = Lock::Drain as i64;
    execute(observer, &format!("select pg_advisory_lock({lock})")).await;
    execute(early, "begin").await;
    execute(early, &rename(waited_for, &format!("early {sizes:?}"))).await;
    let mut next_author = FIRST_BULK_AUTHOR;
    for ((four_times, twice), text) in sizes.into_iter().zip([first_text.as_str(), "after"]) {
        let mut statements = vec!["begin".to_owned()];
        for authors in [four_times + twice, four_times] {
            statements.extend(change_and_change_back(next_author, authors));
        }
        statements.push(rename(refused, text));
        statements.push("commit".to_owned());
        execute(session, &statements.join(";\n")).await;
        next_author += four_times + twice;
    }
    execute(observer, &format!("select pg_advisory_unlock({lock})")).await;
    world.wait_for_publication(calls).await;
    execute(early, "commit").await;
    execute(session, &rename(waited_for, &format!("late {sizes:?}"))).await;
    // The topic has refused the event when it is called again.
    world.wait_for_publication(calls + 1).await;
    world.topic.recover();
}

/// Returns statements that change many authors, and change them back. They leave no event.
fn change_and_change_back(first: u32, count: u32) -> [String; 2] {
    let end = first + count;
    ["name || '+'", "left(name, -1)"].map(|value| {
        format!("update blog_author set name = {value} where id >= {first} and id < {end}")
    })
}

fn rename(author: u32, name: &str) -> String {
    format!("update blog_author set name = '{name}' where id = {author}")
}
