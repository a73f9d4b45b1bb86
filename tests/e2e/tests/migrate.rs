//! `migrate` on a real database with the real Django: alone, beside other sessions, and with a fault at each step.

mod changed_site;
mod commands;
mod concurrent_runs;
mod connection;
mod discovered_content;
mod existing_site;
mod first_watch;
mod killed;
mod older_postgres;
mod other_database;
mod publishing;
mod uncaptured_content;
mod versions;
