//! Edits of content, mostly in Wagtail's admin, and the events that a receiver gets.

mod bulk_actions;
mod objects;
mod outside_the_admin;
mod pages;
mod scheduled_publishing;
mod subtrees;
