//! The demo that runs on this machine. It writes its addresses into a file of its checkout.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use wagrun_lambda::environment::optional;

use super::access::named_loader;
use crate::error::CommandError;

/// The place of the file in a checkout.
const FILE: &str = ".local/demo.env";

/// The addresses of the running demo.
#[derive(Debug, Clone)]
pub struct DemoFile {
    /// The name of its stack.
    pub stack: String,
    endpoint: String,
    access_key: String,
    secret_key: String,
    region: String,
}

impl DemoFile {
    /// Looks for the file: where `WAGRUN_DEMO` says, or in the checkout that surrounds the working directory, or in the one that
    /// this command was built from. Returns none when no demo is running.
    pub fn find() -> Result<Option<Self>, CommandError> {
        let path = match optional("WAGRUN_DEMO") {
            Some(path) => Some(PathBuf::from(path)),
            None => {
                let here = env::current_dir().unwrap_or_default();
                let built = Path::new(env!("CARGO_MANIFEST_DIR"));
                let places = here.ancestors().chain(built.ancestors());
                places.map(|one| one.join(FILE)).find(|one| one.exists())
            }
        };
        path.map(|path| Self::read(&path)).transpose()
    }

    fn read(path: &Path) -> Result<Self, CommandError> {
        let text = fs::read_to_string(path).map_err(|source| CommandError::DemoFile {
            path: path.to_owned(),
            source,
        })?;
        let values = variables(&text);
        let value = |name: &'static str| {
            values
                .get(name)
                .map(|&value| value.to_owned())
                .ok_or_else(|| CommandError::DemoVariable {
                    path: path.to_owned(),
                    name,
                })
        };
        Ok(Self {
            stack: value("STACK")?,
            endpoint: value("AWS_ENDPOINT_URL")?,
            access_key: value("AWS_ACCESS_KEY_ID")?,
            secret_key: value("AWS_SECRET_ACCESS_KEY")?,
            region: value("AWS_REGION")?,
        })
    }

    /// Returns the way to the emulator of AWS.
    pub async fn access(&self) -> SdkConfig {
        named_loader()
            .endpoint_url(&self.endpoint)
            .region(Region::new(self.region.clone()))
            .credentials_provider(Credentials::new(
                &self.access_key,
                &self.secret_key,
                None,
                None,
                "demo",
            ))
            .load()
            .await
    }
}

/// Reads the lines `export NAME='VALUE'`.
fn variables(text: &str) -> HashMap<&str, &str> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    lines
        .map(|(name, value)| (name, value.trim_matches('\'')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_demo_names_its_stack_and_what_it_lacks() {
        let file = env::temp_dir().join(format!("wagrun-demo-{}.env", uuid::Uuid::new_v4()));
        let whole = "export STACK='one'\nexport AWS_ENDPOINT_URL='http://127.0.0.1:1'\nexport AWS_REGION='eu-central-1'\n\
                     export AWS_ACCESS_KEY_ID='a'\nexport AWS_SECRET_ACCESS_KEY='b=c'\n";
        fs::write(&file, whole).unwrap();
        let demo = DemoFile::read(&file).unwrap();
        assert_eq!((&*demo.stack, &*demo.secret_key), ("one", "b=c"));
        fs::write(&file, whole.replace("STACK", "OTHER")).unwrap();
        let error = DemoFile::read(&file).unwrap_err().to_string();
        assert!(
            error.contains(": STACK is not set; start the demo again"),
            "{error}"
        );
        fs::remove_file(&file).unwrap();
        let error = DemoFile::read(&file).unwrap_err().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
