//! Shortens texts.

/// Returns the last `max` characters of a text, which is where a program says what went wrong.
///
/// An ellipsis replaces the first of them when the text is longer.
pub fn tail(text: &str, max: usize) -> String {
    let skipped = text.chars().count().saturating_sub(max);
    if skipped == 0 {
        return text.to_owned();
    }
    std::iter::once('…')
        .chain(text.chars().skip(skipped + 1))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_text_is_kept() {
        assert_eq!(tail("short", 5), "short");
        assert_eq!(tail("größer", 3), "…er");
    }
}
