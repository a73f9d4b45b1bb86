mod bulk_actions;
pub mod objects;
mod outside_the_admin;
mod pages;
mod scheduled_publishing;
mod subtrees;
