//! Capture makes no SERIALIZABLE transaction fail that would not fail without it.

use fastrand::Rng;

use crate::support::runtime::run;
use crate::support::serializable::{FIRST_POST, POSTS, conflicts, site_with_posts};

const ROUNDS: u32 = 20;
const EDITORS: u32 = 8;

#[test]
fn capture_adds_no_serialization_failures() {
    let seed = fastrand::u64(..1 << 32);
    println!("serializable: seed {seed}");
    run(async {
        let site = site_with_posts().await;
        let mut counts = Vec::new();
        for capture in ["off", "on"] {
            let mut rng = Rng::with_seed(seed);
            let change =
                |editor, round| random_change(&mut rng, editor, &format!("{capture} {round}"));
            counts.push(conflicts(&site, ROUNDS, EDITORS, capture, change).await);
        }
        let (without, with) = (counts[0], counts[1]);
        println!(
            "serializable: {with} of {} fail with capture, {without} without",
            ROUNDS * EDITORS
        );
        assert!(
            with <= without + EDITORS / 4,
            "seed {seed}, check 6: {with} of {} fail with capture, {without} without",
            ROUNDS * EDITORS
        );
    });
}

/// Returns a random change of a post of this editor.
fn random_change(rng: &mut Rng, editor: u32, text: &str) -> String {
    let post = FIRST_POST + POSTS / EDITORS * editor + rng.u32(..POSTS / EDITORS);
    match rng.u8(..4) {
        0 => format!("update blog_relatedlink set title = '{text}' where id = {post}"),
        1 => format!("update blog_author set name = '{text}' where id = {post}"),
        2 => format!("update wagtailcore_page set title = '{text}' where id = {post}"),
        _ => format!("update blog_blogpage set intro = '{text}' where page_ptr_id = {post}"),
    }
}

#[test]
fn serializable_changes_of_parts_of_different_pages_all_succeed() {
    run(async {
        let site = site_with_posts().await;
        for table in ["blog_blogpage set intro", "blog_relatedlink set title"] {
            for capture in ["off", "on"] {
                let change = |editor, round| {
                    let post = FIRST_POST + POSTS / 2 * editor + round;
                    let key = if table.starts_with("blog_blogpage") {
                        "page_ptr_id"
                    } else {
                        "id"
                    };
                    format!("update {table} = '{capture}' where {key} = {post}")
                };
                let failed = conflicts(&site, 30, 2, capture, change).await;
                assert_eq!(failed, 0, "of 60 with capture {capture}: update {table}");
            }
        }
    });
}
