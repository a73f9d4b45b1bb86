//! An editor in the admin, who creates, edits, publishes, unpublishes and deletes posts.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use local_stack::admin::{Action, Fields};
use local_stack::stack::LocalStack;
use tokio::time::{MissedTickBehavior, interval};

/// The time from one action to the next. A day of a busy site has some thousands.
const INTERVAL: Duration = Duration::from_secs(1);
/// The number of posts from which the oldest one is deleted.
const POSTS: usize = 20;

/// Edits until the future is dropped.
pub async fn edit(stack: &LocalStack) -> Result<(), Box<dyn Error>> {
    let admin = stack.admin().await?;
    let blog = Fields::titled("Blog");
    let blog = admin
        .create_page(stack.home, "blog/blogindexpage", &blog, Action::Publish)
        .await?;
    let mut posts = VecDeque::new();
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0_u64.. {
        let title = Fields::titled(&format!("Post {number}"));
        let post = admin
            .create_page(blog, "blog/blogpage", &title, Action::Publish)
            .await?;
        posts.push_back(post);
        ticks.tick().await;
        let title = Fields::titled(&format!("Post {number}, edited"));
        admin.edit(post, &title, Action::Save).await?;
        ticks.tick().await;
        admin.edit(post, &title, Action::Publish).await?;
        if posts.len() > POSTS
            && let Some(oldest) = posts.pop_front()
        {
            ticks.tick().await;
            admin.delete_page(oldest).await?;
        }
        ticks.tick().await;
    }
    Ok(())
}
