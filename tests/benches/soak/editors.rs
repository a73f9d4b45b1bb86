//! An editor in the admin, who creates, edits, publishes, unpublishes and deletes posts.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use local_stack::admin::{Action, Fields};
use local_stack::stack::LocalStack;
use tokio::time::sleep;

/// The time between two actions. A day of a busy site has some thousands.
const PAUSE: Duration = Duration::from_millis(500);
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
    for number in 0_u64.. {
        let title = Fields::titled(&format!("Post {number}"));
        let post = admin
            .create_page(blog, "blog/blogpage", &title, Action::Publish)
            .await?;
        posts.push_back(post);
        sleep(PAUSE).await;
        let title = Fields::titled(&format!("Post {number}, edited"));
        admin.edit(post, &title, Action::Save).await?;
        sleep(PAUSE).await;
        admin.edit(post, &title, Action::Publish).await?;
        if posts.len() > POSTS
            && let Some(oldest) = posts.pop_front()
        {
            sleep(PAUSE).await;
            admin.delete_page(oldest).await?;
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
