//! One change and one wake: from the invocation to its answer. content-events opens a connection for it, and the peer keeps its own.

use std::error::Error;
use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;

use crate::function::Function;
use crate::site::Site;
use crate::statistics::{median, ms};
use crate::topic::Topic;

const WAKES: i32 = 160;
const WARM_UP: i32 = 20;
const LATENCIES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(10)];
const GOALS: [f64; 2] = [5.0, 15.0];

pub async fn run(site: &Site) -> Result<(), Box<dyn Error>> {
    println!("| one change, one wake, ms | Python | wagrun | wagrun : Python | limit |");
    println!("|---|---:|---:|---:|---:|");
    for (latency, goal) in LATENCIES.into_iter().zip(GOALS) {
        let topic = Topic::start(latency).await?;
        let mut session = site.owner().await?;
        let mut ours = site.content_events(&topic).await?;
        let mut peer = site.peer(&topic).await?;
        ours.ready().await?;
        peer.ready().await?;
        sqlx::raw_sql("truncate plain.outbox")
            .execute(&mut session)
            .await?;
        let (mut our_times, mut peer_times) = (Vec::new(), Vec::new());
        for number in 1..=WAKES {
            let ours = wake(&mut session, &ours, number).await?;
            let published = topic.take_accepted();
            let peer = wake_peer(&mut session, &peer, number).await?;
            let of_peer = topic.take_accepted();
            if (published, of_peer) != (1, 1) {
                return Err(format!("wagrun published {published} and the peer {of_peer}").into());
            }
            if number > WARM_UP {
                our_times.push(ours);
                peer_times.push(peer);
            }
        }
        let (wagrun, python) = (median(our_times), median(peer_times));
        println!(
            "| SNS answers after {} ms | {:.1} | {:.1} | {:.2} | {goal:.0} ms |",
            latency.as_millis(),
            ms(python),
            ms(wagrun),
            wagrun.as_secs_f64() / python.as_secs_f64()
        );
        ours.stop().await?;
        peer.stop().await?;
    }
    Ok(())
}

/// Saves one page, and wakes content-events for its transaction.
async fn wake(
    session: &mut PgConnection,
    function: &Function,
    number: i32,
) -> Result<Duration, Box<dyn Error>> {
    let xid: String = sqlx::query_scalar(
        "update wagtailcore_page set title = 'Wake ' || gen_random_uuid() where id = (select id from bench_page where number = $1)
         returning pg_current_xact_id()::text",
    )
    .bind(number)
    .fetch_one(session)
    .await?;
    function.invoke(&json!({"xid": xid})).await
}

/// Adds one change to the plain outbox, and wakes the peer.
async fn wake_peer(
    session: &mut PgConnection,
    peer: &Function,
    number: i32,
) -> Result<Duration, Box<dyn Error>> {
    sqlx::query(
        "insert into plain.outbox (object, old, new)
         select 'page/' || page.id, to_jsonb(page), to_jsonb(page)
         from wagtailcore_page as page join bench_page using (id) where bench_page.number = $1",
    )
    .bind(number)
    .execute(session)
    .await?;
    peer.invoke(&json!({})).await
}
