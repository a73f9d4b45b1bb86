//! The account, the region and the credentials that tests use.

/// The region of the local stack.
pub const REGION: &str = "us-east-1";

/// Credentials that the emulator takes for the account's root user.
pub const ACCESS_KEY: &str = "test";

/// Returns the variables by which AWS tools and SDKs reach this endpoint, and that hide the user's own account from them.
pub fn client_environment(endpoint: &str) -> [(&'static str, &str); 9] {
    [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", ACCESS_KEY),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_REGION", REGION),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ]
}
