//! An object of the site, or an event, on the command line.

use uuid::Uuid;

/// Checks an object on the command line.
pub fn object(text: &str) -> Result<String, String> {
    let is_object = text
        .split_once('/')
        .is_some_and(|(kind, key)| !kind.is_empty() && !key.is_empty());
    match is_object || Uuid::parse_str(text).is_ok() || text == "site" {
        true => Ok(text.to_owned()),
        false => Err("is neither an object, such as page/42, nor the id of an event".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f2c8f6e-7d1b-4c8e-9a53-6f0a4a1f7f10";

    #[test]
    fn an_object_is_written_with_its_kind() {
        for text in ["page/42", "blog.author/a b", ID, "site"] {
            assert_eq!(object(text).unwrap(), text);
        }
        for text in ["", "42", "page", "/42", "page/"] {
            assert!(object(text).is_err(), "{text}");
        }
    }
}
