//! The variables of `make demo` about a site of the user's own.

/// The variables of `make demo` about a site of the user's own.
#[derive(Debug, Clone, Default)]
pub struct OwnSiteOptions {
    /// `SITE`: the directory with `manage.py`.
    pub site: String,
    /// `SETTINGS`: the settings module, where `manage.py` names another one.
    pub settings: Option<String>,
    /// `VENV`: a virtual environment with the site's packages.
    pub venv: Option<String>,
    /// `REQUIREMENTS`: a file of packages to install into a new one.
    pub requirements: Option<String>,
    /// `SITE_ENVIRONMENT`: further variables in JSON.
    pub environment: Option<String>,
    /// `DUMP`: a file of `pg_dump`.
    pub dump: Option<String>,
    /// `POSTGRES`: the major version of the server, where it is not the newest.
    pub postgres: Option<String>,
}
