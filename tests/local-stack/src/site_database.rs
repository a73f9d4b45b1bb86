//! The database that a site connects to.

/// The database of the site.
#[derive(Debug, Clone, Copy)]
pub struct Database<'a> {
    /// The TCP port of the server on 127.0.0.1.
    pub port: u16,
    /// The name of the database.
    pub name: &'a str,
    /// The role of the web service.
    pub user: &'a str,
}
