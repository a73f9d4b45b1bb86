//! Signatures as Standard Webhooks 1.0 specify.

use base64::{Engine, prelude::BASE64_STANDARD};
use standardwebhooks::{Webhook as Signer, WebhookError};
use wagrun_delivery::subscriber::Secret;

/// Returns the value of `webhook-signature`: a signature by each secret, with spaces between. A shared secret signs as `v1`,
/// a key pair as `v1a`.
pub fn signatures(
    secrets: &[Secret],
    id: &str,
    timestamp: i64,
    body: &str,
) -> Result<String, WebhookError> {
    let signatures = secrets
        .iter()
        .map(|secret| match secret {
            Secret::Symmetric(key) => {
                Signer::from_bytes(key.clone())?.sign(id, timestamp, body.as_bytes())
            }
            Secret::Asymmetric(pair) => {
                let signature = pair.sign(format!("{id}.{timestamp}.{body}").as_bytes());
                Ok(format!("v1a,{}", BASE64_STANDARD.encode(signature)))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(signatures.join(" "))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ED25519, UnparsedPublicKey};

    #[test]
    fn each_secret_signs_in_its_own_way() {
        // The key pair is the example of Svix, whose server writes whsk_ with both halves.
        let secrets = [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
        ]
        .map(|text| Secret::parse(text).unwrap());
        let signatures = signatures(
            &secrets,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        )
        .unwrap();
        let (symmetric, asymmetric) = signatures.split_once(' ').unwrap();
        // What the libraries of Standard Webhooks assert of the same message.
        assert_eq!(symmetric, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let signature = BASE64_STANDARD
            .decode(asymmetric.strip_prefix("v1a,").unwrap())
            .unwrap();
        let public = BASE64_STANDARD
            .decode("1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=")
            .unwrap();
        UnparsedPublicKey::new(&ED25519, public)
            .verify(
                br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#,
                &signature,
            )
            .unwrap();
    }

    #[test]
    fn without_secrets_there_is_no_signature() {
        assert_eq!(signatures(&[], "id", 0, "{}").unwrap(), "");
    }
}
