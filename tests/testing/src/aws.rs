//! The region, the credentials and the variables with which tests reach an emulated AWS.

/// The region of the local stack.
pub const REGION: &str = "us-east-1";

/// The access key and the secret key that the emulator accepts as those of the root user of the account.
pub const ACCESS_KEY: &str = "test";

/// Returns the environment variables for AWS tools and SDKs that use `endpoint`. They hide the developer's own account.
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
