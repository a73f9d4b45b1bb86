//! Text that SNS and SQS accept. They refuse control characters, U+FFFE and U+FFFF (SQS API reference, `SendMessage`).

use std::borrow::Cow;

/// Returns JSON of the same meaning that SNS and SQS accept as a message.
///
/// A character that they refuse is escaped (`\ufffe`), and a JSON parser gives it back. Such a character stands inside a text,
/// because outside of texts JSON has ASCII only. serde_json has escaped the control characters already.
pub fn sendable_json(json: String) -> String {
    if json.chars().all(is_sendable) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_sendable(character) {
            escaped.push(character);
        } else {
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        }
    }
    escaped
}

/// Returns a text that SNS accepts as the value of a message attribute. There is no escape there, so a character that it
/// refuses becomes U+FFFD.
pub fn sendable_text(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_sendable) {
        return Cow::Borrowed(text);
    }
    let sendable = |character| match is_sendable(character) {
        true => character,
        false => char::REPLACEMENT_CHARACTER,
    };
    Cow::Owned(text.chars().map(sendable).collect())
}

fn is_sendable(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One character of each kind that is refused, and the borders of what is accepted.
    const TEXT: &str = "\0\u{1}\u{b}\u{1f}\t\n\r \u{7f}\u{85}\u{d7ff}\u{e000}\u{fdd0}\u{fffd}\u{fffe}\u{ffff}\u{10000}\u{1fffe}\u{10ffff}\\\"";

    #[test]
    fn a_parser_gives_the_very_text_back() {
        let json = sendable_json(serde_json::to_string(TEXT).unwrap());
        assert!(json.chars().all(is_sendable), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), TEXT);
        assert!(
            json.contains("\\u0001") && json.contains("\\ufffe\\uffff"),
            "{json}"
        );
    }

    #[test]
    fn an_ordinary_text_stays_as_it_is() {
        let text = "Zürich \u{1f30d} <&>\n";
        assert_eq!(sendable_json(text.to_owned()), text);
        assert!(matches!(sendable_text(text), Cow::Borrowed(_)));
    }

    #[test]
    fn an_attribute_has_a_replacement_for_each_refused_character() {
        assert_eq!(sendable_text("a\u{ffff}b\u{1}"), "a\u{fffd}b\u{fffd}");
    }
}
