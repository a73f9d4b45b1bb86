//! The connection as environment variables, for a child process that connects to the same database.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::{AUTHENTICATION, Authentication, DatabaseConfig, SSL_MODE, TokenError};

/// The variable with the path of a file with the certificates that verify the server.
const CA_BUNDLE: &str = "DATABASE_CA_BUNDLE";

impl DatabaseConfig {
    /// Returns the variables of the connection: its parts as [`DatabaseConfig::from_environment`] reads them, and all of them
    /// as `DATABASE_URL`.
    ///
    /// `DATABASE_PASSWORD` is there only with IAM. It is a token, which opens sessions for a quarter of an hour.
    /// `ca_bundle` is the path of the certificates for libpq, where the process has one.
    ///
    /// # Errors
    /// Fails if no token can be signed.
    pub async fn variables(
        &self,
        ca_bundle: Option<&str>,
    ) -> Result<Vec<(&'static str, String)>, TokenError> {
        let options = &self.options;
        let password = self.password().await?;
        let ssl_mode = ssl_mode(options);
        let authentication = match self.authentication {
            Authentication::Iam(_) => "iam",
            Authentication::None => "none",
        };
        let database = options.get_database().unwrap_or_default();
        let mut variables = vec![
            ("DATABASE_HOST", options.get_host().to_owned()),
            ("DATABASE_PORT", options.get_port().to_string()),
            ("DATABASE_NAME", database.to_owned()),
            ("DATABASE_USER", options.get_username().to_owned()),
            (SSL_MODE, ssl_mode.to_owned()),
            (AUTHENTICATION, authentication.to_owned()),
        ];
        if let Some(url) = url(options, password.as_deref(), ssl_mode, ca_bundle) {
            variables.push(("DATABASE_URL", url.into()));
        }
        variables.extend(password.map(|it| ("DATABASE_PASSWORD", it)));
        variables.extend(ca_bundle.map(|it| (CA_BUNDLE, it.to_owned())));
        Ok(variables)
    }
}

fn ssl_mode(options: &PgConnectOptions) -> &'static str {
    match options.get_ssl_mode() {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// Returns the URL of the database, as dj-database-url, django-environ and libpq read it. None for a host that no URL can have.
fn url(
    options: &PgConnectOptions,
    password: Option<&str>,
    ssl_mode: &str,
    ca_bundle: Option<&str>,
) -> Option<Url> {
    // A token has percent signs of its own, which the URL's setters would keep.
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut url = Url::parse("postgres://localhost").ok()?;
    url.set_host(Some(options.get_host())).ok()?;
    url.set_port(Some(options.get_port())).ok()?;
    url.set_username(&encoded(options.get_username())).ok()?;
    url.set_password(password.map(encoded).as_deref()).ok()?;
    url.set_path(&encoded(options.get_database().unwrap_or_default()));
    let mut query = format!("sslmode={ssl_mode}");
    // libpq would verify by the bundle for `require` too, which is for a server of an authority that it does not have.
    if let Some(bundle) = ca_bundle.filter(|_| ssl_mode.starts_with("verify-")) {
        query.push_str(&format!("&sslrootcert={}", encoded(bundle)));
    }
    url.set_query(Some(&query));
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_url_is_encoded() {
        let options = PgConnectOptions::new_without_pgpass()
            .host("db.example.org")
            .port(5433)
            .database("my/site?a")
            .username("a@b:c")
            .ssl_mode(PgSslMode::VerifyFull);
        let url = url(
            &options,
            Some("host:1/?Action=connect&x=%2F+"),
            "verify-full",
            Some("/a b.pem"),
        );
        assert_eq!(
            url.unwrap().as_str(),
            "postgres://a%40b%3Ac:host%3A1%2F%3FAction%3Dconnect%26x%3D%252F%2B@db.example.org:5433/my%2Fsite%3Fa\
             ?sslmode=verify-full&sslrootcert=%2Fa%20b%2Epem"
        );
    }
}
