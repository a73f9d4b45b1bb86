mod bulk_actions;
mod objects;
mod outside_the_admin;
mod pages;
mod scheduled_publishing;
mod subtrees;
