//! The settings that the template gives the function.

use wagrun_delivery::subscriber::Rules;
use wagrun_lambda::environment::{EnvironmentError, required};

/// The settings, read once at start-up.
#[derive(Debug, Clone)]
pub struct Config {
    /// The path of the subscribers' parameters, such as `/wagrun/subscribers`.
    pub subscribers_path: String,
    /// The bucket of the directory.
    pub directory_bucket: String,
    /// The rules for subscribers' parameters.
    pub rules: Rules,
}

impl Config {
    /// Reads `SUBSCRIBERS_PATH`, `DIRECTORY_BUCKET`, and the variables of [`Rules::from_environment`].
    pub fn from_environment() -> Result<Self, EnvironmentError> {
        Ok(Self {
            subscribers_path: required("SUBSCRIBERS_PATH")?,
            directory_bucket: required("DIRECTORY_BUCKET")?,
            rules: Rules::from_environment()?,
        })
    }
}
