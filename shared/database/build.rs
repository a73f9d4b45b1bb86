//! Compiles the crate again when a migration is added. sqlx embeds them all, and notices only those that it has embedded.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
