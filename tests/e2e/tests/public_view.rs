//! The pages that the public sees, as a subscriber knows them that listens to publications, unpublications, moves and deletions
//! alone.
//!
//! The site in `tests/e2e/public_site` runs on several versions of Wagtail. The judge is the site itself: what it answers to a visitor
//! who is not logged in, and Wagtail's `full_url`.

mod addresses;
mod listener;
mod random_editor;
mod site;
