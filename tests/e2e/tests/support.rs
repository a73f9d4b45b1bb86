//! Fixtures, fakes and frequent steps that the tests share. No module here imports a test.

pub mod backfills;
pub mod content;
pub mod database;
pub mod drain_fixture;
pub mod due_times;
pub mod event_line;
pub mod fake_lambda;
pub mod fake_scheduler;
pub mod fake_topic;
pub mod fleet_workers;
pub mod migration;
pub mod outbox_rows;
pub mod png;
pub mod proxy;
pub mod python;
pub mod relayed_site;
pub mod runtime;
pub mod scenario;
pub mod sdk;
pub mod section_site;
pub mod serializable;
pub mod site_copy;
pub mod sql;
pub mod stack;
pub mod subscribers;
pub mod watched_tables;
