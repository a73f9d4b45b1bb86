//! Signatures of any text by any secrets, verified by the libraries of Standard Webhooks and of ed25519.

use jiff::Timestamp;
use proptest::prelude::*;
use reqwest::header::HeaderMap;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP};

use super::*;

/// The key of a secret, as its receiver has it.
#[derive(Debug, Clone)]
enum Key {
    Shared(Vec<u8>),
    Seed([u8; 32]),
}

impl Key {
    /// Returns the secret as it stands in a parameter.
    fn secret(&self) -> Secret {
        let text = match self {
            Self::Shared(key) => format!("whsec_{}", BASE64_STANDARD.encode(key)),
            Self::Seed(seed) => format!("whsk_{}", BASE64_STANDARD.encode(seed)),
        };
        Secret::parse(&text).unwrap()
    }

    /// Returns true when a receiver with this key takes the request as genuine.
    fn verifies(&self, signatures: &str, id: &str, timestamp: i64, body: &str) -> bool {
        match self {
            Self::Shared(key) => {
                let mut headers = HeaderMap::new();
                headers.insert(HEADER_WEBHOOK_ID, id.parse().unwrap());
                headers.insert(HEADER_WEBHOOK_TIMESTAMP, timestamp.into());
                headers.insert(HEADER_WEBHOOK_SIGNATURE, signatures.parse().unwrap());
                let verifier = Signer::from_bytes(key.clone()).unwrap();
                verifier.verify(body.as_bytes(), &headers).is_ok()
            }
            Self::Seed(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
                let public = UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref());
                let signed = format!("{id}.{timestamp}.{body}");
                let mut signatures = signatures
                    .split(' ')
                    .filter_map(|one| one.strip_prefix("v1a,"));
                signatures.any(|one| {
                    let signature = BASE64_STANDARD.decode(one).unwrap();
                    public.verify(signed.as_bytes(), &signature).is_ok()
                })
            }
        }
    }
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 24..=64).prop_map(Key::Shared),
        any::<[u8; 32]>().prop_map(Key::Seed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_secret_verifies_and_no_other_does(
        keys in prop::collection::vec(key(), 1..4),
        other in key(),
        id in "[a-z0-9-]{1,40}",
        body in ".{0,60}",
    ) {
        // The verifier looks at the clock.
        let now = Timestamp::now().as_second();
        let secrets: Vec<_> = keys.iter().map(Key::secret).collect();
        let signatures = signatures(&secrets, &id, now, &body).unwrap();
        prop_assert_eq!(signatures.split(' ').count(), keys.len());
        let (other_body, other_id) = (format!("{body} "), format!("{id}0"));
        for key in &keys {
            prop_assert!(key.verifies(&signatures, &id, now, &body));
            prop_assert!(!key.verifies(&signatures, &id, now, &other_body));
            prop_assert!(!key.verifies(&signatures, &other_id, now, &body));
            prop_assert!(!key.verifies(&signatures, &id, now - 1, &body));
        }
        prop_assert!(!other.verifies(&signatures, &id, now, &body));
    }

    /// While a secret is replaced, the parameter has both. Receivers with the old one, the new one or both are content.
    #[test]
    fn a_secret_is_replaced_without_a_gap(old in key(), new in key(), body in ".{0,60}") {
        let now = Timestamp::now().as_second();
        let sign = |keys: &[&Key]| {
            let secrets: Vec<_> = keys.iter().map(|key| key.secret()).collect();
            signatures(&secrets, "id", now, &body).unwrap()
        };
        prop_assert!(old.verifies(&sign(&[&old]), "id", now, &body));
        for both in [sign(&[&old, &new]), sign(&[&new, &old])] {
            prop_assert!(old.verifies(&both, "id", now, &body) && new.verifies(&both, "id", now, &body));
        }
        prop_assert!(new.verifies(&sign(&[&new]), "id", now, &body));
        prop_assert!(!old.verifies(&sign(&[&new]), "id", now, &body));
    }
}
