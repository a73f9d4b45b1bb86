//! The triggers in the database: the rows that they capture, the doorbell, and the due times. Each test has a database of its own.

mod columns;
mod doorbell;
mod doorbell_lines;
mod due_times;
mod editors;
mod named_tables;
mod net_changes;
mod parts_of_parts;
mod role_attacks;
mod role_rights;
mod roles;
mod rows;
mod scheduled_tables;
mod schema;
mod unusual_changes;
mod unusual_values;
