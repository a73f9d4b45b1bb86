//! The password of a role that authenticates by IAM. It is a signed request to connect, which is never sent.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use url::Url;

/// Time for which a token opens new sessions: the maximum that RDS allows. An open session outlives its token.
const TOKEN_LIFETIME: Duration = Duration::from_secs(900);

/// Makes tokens from the function's own credentials, without a network call.
#[derive(Debug, Clone)]
pub struct TokenSigner {
    credentials: SharedCredentialsProvider,
    region: String,
}

/// No token could be made.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// `AWS_REGION` is missing, or the process has no credentials at all.
    #[error("IAM authentication needs {0}")]
    Missing(&'static str),
    /// The function's credentials cannot be read.
    #[error("cannot get credentials")]
    Credentials(#[from] CredentialsError),
    /// The host, port or user do not form a URL that can be signed.
    #[error("cannot sign a token for {0}")]
    Sign(String, #[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TokenSigner {
    /// Returns a signer with the credentials and the region of the SDK's configuration.
    pub fn new(sdk: &SdkConfig) -> Result<Self, TokenError> {
        Ok(Self {
            credentials: sdk
                .credentials_provider()
                .ok_or(TokenError::Missing("credentials"))?,
            region: sdk
                .region()
                .ok_or(TokenError::Missing("a region"))?
                .to_string(),
        })
    }

    /// Returns a token for the role `user` at this address, valid for fifteen minutes from `now`.
    ///
    /// The address must be the server's own, because the server refuses a token for an alias.
    pub async fn token(
        &self,
        host: &str,
        port: u16,
        user: &str,
        now: SystemTime,
    ) -> Result<String, TokenError> {
        let identity = self.credentials.provide_credentials().await?.into();
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(TOKEN_LIFETIME);
        let refused = |error: Box<dyn std::error::Error + Send + Sync>| {
            TokenError::Sign(format!("{host}:{port} as {user:?}"), error)
        };
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("rds-db")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| refused(error.into()))?;

        let mut url = Url::parse(&format!("https://{host}:{port}/"))
            .map_err(|error| refused(error.into()))?;
        url.query_pairs_mut()
            .append_pair("Action", "connect")
            .append_pair("DBUser", user);
        let request = SignableRequest::new(
            "GET",
            url.as_str(),
            std::iter::empty(),
            SignableBody::Bytes(&[]),
        )
        .map_err(|error| refused(error.into()))?;
        let (instructions, _) = sign(request, &parameters.into())
            .map_err(|error| refused(error.into()))?
            .into_parts();
        for (name, value) in instructions.params() {
            url.query_pairs_mut().append_pair(name, value);
        }
        // The server expects the URL without its scheme.
        Ok(url.as_str().trim_start_matches("https://").to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_credential_types::Credentials;

    /// The token that `generate_db_auth_token` of botocore 1.43 makes from the same input at the same second.
    const BOTOCORE_TOKEN: &str = include_str!("botocore-token.txt");

    #[tokio::test]
    async fn the_token_is_the_one_that_botocore_makes() {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            Some("session+token/=".to_owned()),
            None,
            "test",
        );
        let signer = TokenSigner {
            credentials: SharedCredentialsProvider::new(credentials),
            region: "eu-central-1".to_owned(),
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let token = signer
            .token(
                "wagrun.cluster-x.eu-central-1.rds.amazonaws.com",
                5432,
                "wagrun_relay",
                now,
            )
            .await
            .unwrap();
        let sorted = |text: &str| {
            let (address, query) = text.trim().split_once("/?").unwrap();
            let mut pairs: Vec<String> = query.split('&').map(str::to_owned).collect();
            pairs.sort();
            (address.to_owned(), pairs)
        };
        assert_eq!(sorted(&token), sorted(BOTOCORE_TOKEN));
    }
}
