mod doorbell;
mod doorbell_lines;
mod due_times;
mod named_tables;
mod rows;
mod schema;
mod unusual_changes;
mod unusual_values;
