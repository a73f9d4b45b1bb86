//! Group and deduplication ids that SNS and SQS FIFO accept.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Longest id that SNS and SQS accept, in bytes.
const MAX_ID_BYTES: usize = 128;

/// Returns `text` if SNS and SQS accept it as an id, otherwise its SHA-256 in lower-case hex.
///
/// They accept 1 to 128 ASCII letters, digits and punctuation. A key from a site's own table may hold anything. Equal texts always
/// give equal ids, so order and deduplication hold either way.
pub fn fifo_id(text: &str) -> String {
    let accepted = !text.is_empty()
        && text.len() <= MAX_ID_BYTES
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if accepted {
        return text.to_owned();
    }
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acceptable_id_stays_readable() {
        let punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
        let longest = "a".repeat(128);
        for text in ["page/4", "cdn|page/4", punctuation, longest.as_str()] {
            assert_eq!(fifo_id(text), text);
        }
    }

    #[test]
    fn anything_else_becomes_its_hash() {
        assert_eq!(
            fifo_id(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            fifo_id("shop.product/ü"),
            "d931a8af67aa54cf6431afc54f6d8695286695e16828801be33f2ec731ad1e84"
        );
        for text in ["shop.product/a b", "tab\t", &"a".repeat(129)] {
            let id = fifo_id(text);
            assert_eq!(id.len(), 64);
            assert!(
                id.bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            );
        }
    }

    #[test]
    fn different_texts_have_different_ids() {
        assert_ne!(fifo_id("product/a b"), fifo_id("product/a c"));
    }
}
