//! The secrets of Standard Webhooks, whose prefix says how they sign.

use std::{fmt, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::invalid::Problem;

const SYMMETRIC: &str = "whsec_";
const ASYMMETRIC: &str = "whsk_";
const PUBLIC: &str = "whpk_";
/// Length of an ed25519 secret key (RFC 8032). The public key follows from it.
const SEED_BYTES: usize = 32;

/// The key of a Standard Webhooks secret.
#[derive(Clone)]
pub enum Secret {
    /// `whsec_…`: signs `v1`, HMAC-SHA256 by a key that the receiver has too.
    Symmetric(Vec<u8>),
    /// `whsk_…`: signs `v1a`, ed25519, for a receiver that has the public key alone.
    Asymmetric(Arc<Ed25519KeyPair>),
}

impl Secret {
    /// Parses a secret in the form of Standard Webhooks.
    ///
    /// `whsk_` is followed by base64 of the 32 bytes of the secret key, alone or with the 32 of the public one after it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if let Some(base64) = text.strip_prefix(SYMMETRIC) {
            let key = decode(base64)?;
            return match key.len() {
                24..=64 => Ok(Self::Symmetric(key)),
                length => Err(Problem::KeyLength(length)),
            };
        }
        if text.starts_with(PUBLIC) {
            return Err(Problem::PublicKey);
        }
        let key = decode(text.strip_prefix(ASYMMETRIC).ok_or(Problem::NotASecret)?)?;
        let pair = match key.split_at_checked(SEED_BYTES) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed),
            Some((seed, public)) if public.len() == SEED_BYTES => {
                Ed25519KeyPair::from_seed_and_public_key(seed, public)
            }
            _ => return Err(Problem::KeyPairLength(key.len())),
        };
        pair.map(|pair| Self::Asymmetric(Arc::new(pair)))
            .map_err(|_| Problem::KeyPair)
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, Problem> {
    BASE64_STANDARD
        .decode(base64)
        .map_err(|_| Problem::NotASecret)
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Symmetric(one), Self::Symmetric(other)) => one == other,
            (Self::Asymmetric(one), Self::Asymmetric(other)) => {
                one.public_key().as_ref() == other.public_key().as_ref()
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Test 1 of RFC 8032, section 7.1.
    const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PAIR: &str =
        "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
    const OTHERS: &str =
        "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

    #[test]
    fn a_key_pair_is_the_same_with_and_without_its_public_half() {
        let alone = Secret::parse(&format!("whsk_{SEED}")).unwrap();
        let pair = Secret::parse(&format!("whsk_{PAIR}")).unwrap();
        assert_eq!(alone, pair);
        assert_ne!(
            pair,
            Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()
        );
    }

    #[test]
    fn each_fault_of_a_secret_has_its_own_error() {
        let cases = [
            (
                "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
                Problem::NotASecret,
            ),
            ("whsec_%".into(), Problem::NotASecret),
            ("whsec_aGlkZGVu".into(), Problem::KeyLength(6)),
            ("whsk_%".into(), Problem::NotASecret),
            ("whsk_aGlkZGVu".into(), Problem::KeyPairLength(6)),
            (
                format!("whsk_{}", PAIR.replace("==", "AA")),
                Problem::KeyPairLength(66),
            ),
            (format!("whsk_{OTHERS}"), Problem::KeyPair),
            (format!("whpk_{SEED}"), Problem::PublicKey),
        ];
        for (text, problem) in cases {
            assert_eq!(Secret::parse(&text).unwrap_err(), problem, "{text}");
        }
    }
}
