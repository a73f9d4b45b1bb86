//! Secrets of Standard Webhooks: made here, shown once, and never logged.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::ValueEnum;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::Value;

use crate::error::CommandError;

/// Number of random bytes of a shared secret. Standard Webhooks ask for 24 to 64.
const SHARED_BYTES: usize = 32;
/// Number of random bytes of a key pair (RFC 8032).
const SEED_BYTES: usize = 32;

/// The kind of signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Signature {
    /// A secret that the receiver has too (HMAC-SHA256)
    #[default]
    V1,
    /// A key pair, of which the receiver has the public half (ed25519)
    V1a,
}

impl Signature {
    /// Returns the kind of a stored secret.
    pub fn of(secret: &str) -> Self {
        match secret.starts_with("whsk_") {
            true => Self::V1a,
            false => Self::V1,
        }
    }
}

/// A new secret.
#[derive(Debug)]
pub struct NewSecret {
    /// The secret that is stored in the parameter.
    pub stored: String,
    /// The text that the receiver gets: the same secret, or the public key.
    pub for_receiver: String,
}

impl NewSecret {
    /// Makes a secret from the system's source of randomness.
    pub fn generate(signature: Signature) -> Result<Self, CommandError> {
        let failed = || CommandError::argument("--signature", "the system gives no random bytes");
        match signature {
            Signature::V1 => {
                let secret = format!("whsec_{}", random(SHARED_BYTES).ok_or_else(failed)?.1);
                Ok(Self {
                    for_receiver: secret.clone(),
                    stored: secret,
                })
            }
            Signature::V1a => {
                let (seed, base64) = random(SEED_BYTES).ok_or_else(failed)?;
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| failed())?;
                let public = BASE64_STANDARD.encode(pair.public_key().as_ref());
                Ok(Self {
                    stored: format!("whsk_{base64}"),
                    for_receiver: format!("whpk_{public}"),
                })
            }
        }
    }
}

/// Returns random bytes, and their base64.
fn random(length: usize) -> Option<(Vec<u8>, String)> {
    let mut bytes = vec![0; length];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let base64 = BASE64_STANDARD.encode(&bytes);
    Some((bytes, base64))
}

/// Returns the kind of a secret, without the secret.
pub fn hidden(secret: &Value) -> Value {
    let kind = secret.as_str().and_then(|secret| secret.split_once('_'));
    match kind {
        Some((kind @ ("whsec" | "whsk" | "whpk"), _)) => format!("{kind}_…").into(),
        _ => "…".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wagrun_delivery::subscriber::Secret;

    #[test]
    fn a_new_secret_is_one_that_deliver_takes_and_never_the_same() {
        for signature in [Signature::V1, Signature::V1a] {
            let one = NewSecret::generate(signature).unwrap();
            let other = NewSecret::generate(signature).unwrap();
            Secret::parse(&one.stored).unwrap();
            assert_ne!(one.stored, other.stored);
            assert_eq!(Signature::of(&one.stored), signature);
            assert_eq!(one.stored == one.for_receiver, signature == Signature::V1);
        }
        let pair = NewSecret::generate(Signature::V1a).unwrap();
        assert!(pair.for_receiver.starts_with("whpk_"));
    }
}
