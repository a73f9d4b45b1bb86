mod backfills;
mod fleet;
mod retries;
mod set_aside;
mod subscriber_cache;
mod subscribers;
mod targets;
