//! The local stack: a real Wagtail on a real PostgreSQL, and `template.yaml` deployed into an emulator of AWS.

#![allow(clippy::disallowed_methods)]

pub mod admin;
pub mod aws;
pub mod browser;
pub mod demo;
pub mod demo_file;
pub mod deployment;
pub mod emulator;
pub mod gunicorn;
pub mod log;
pub mod log_export;
pub mod migrate_config;
pub mod own_site;
pub mod page;
pub mod postgres;
pub mod site_database;
pub mod stack;
pub mod timeline;
pub mod tools;
