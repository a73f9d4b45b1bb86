//! Finds doorbell lines in PostgreSQL's log, and rejects texts that only look like them.
//!
//! PostgreSQL begins an entry with the prefix `%t:%r:%u@%d:[%p]:`, which cannot be changed on Aurora, and the severity:
//!
//! ```text
//! 2026-11-21 21:46:46 UTC:10.0.0.4(51234):wagtail_web@wagtail:[77]:LOG:  wagrun doorbell {"xid":"901"} by log
//! ```
//!
//! The further lines of a message begin with a tab. `DETAIL`, `CONTEXT` and `STATEMENT` have a prefix of their own. So the text
//! of a statement or of an error is never at the beginning of a line.
//!
//! The names of the user and the database are at the beginning of a line. Any client of the server's port chooses them, and
//! PostgreSQL writes them unchanged, with their line breaks. So an ambiguous line does not count as a doorbell, and a record
//! that such names have broken up contains none.
//!
//! Two forgeries cannot be told from a doorbell. Names that contain line breaks and whole prefixes, with their times, make lines
//! of their own. And a client that may run SQL can write any line by `raise log`. So an id is only a reason to look at the outbox.

/// The beginning of the doorbell's message, exactly as the trigger writes it.
const DOORBELL: &str = "wagrun doorbell {\"xid\":\"";

/// Returns the ids of the transactions that rang, in the order of their lines in this log record.
pub fn doorbells(record: &str) -> Vec<u64> {
    let lines = || record.split('\n').filter(|line| !line.starts_with('\t'));
    if lines().any(is_rest_of_a_name) {
        return Vec::new();
    }
    lines().filter_map(doorbell).collect()
}

/// Returns the transaction's id when the line is a doorbell line.
fn doorbell(line: &str) -> Option<u64> {
    let message = log_message(line)?;
    let (xid, cause) = message.strip_prefix(DOORBELL)?.split_once("\"}")?;
    if !cause.starts_with(' ') {
        return None;
    }
    // PostgreSQL reserves the transaction ids below 3.
    xid.parse().ok().filter(|xid| *xid >= 3)
}

/// Returns the message of a line that begins an entry of severity LOG.
fn log_message(line: &str) -> Option<&str> {
    let after_time = after_time(line)?;
    let mut severities = severities(after_time);
    let (Some(severity), None) = (severities.next(), severities.next()) else {
        return None;
    };
    let is_genuine = severity.name == "LOG" && is_session(severity.before);
    is_genuine.then(|| without_sqlstate(severity.after))
}

/// Returns true when a line has the end of a prefix but not its beginning, as after a line break in a name.
fn is_rest_of_a_name(line: &str) -> bool {
    after_time(line).is_none() && severities(line).next().is_some()
}

/// Returns the rest of the line after `2026-11-21 21:46:46 UTC:`.
fn after_time(line: &str) -> Option<&str> {
    const TIME: &[u8] = b"0000-00-00 00:00:00 ";
    let (time, rest) = line.split_at_checked(TIME.len())?;
    let is_time = time.bytes().zip(TIME).all(|(byte, pattern)| match pattern {
        b'0' => byte.is_ascii_digit(),
        _ => byte == *pattern,
    });
    let (zone, rest) = rest.split_once(':')?;
    let is_zone = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-');
    (is_time && !zone.is_empty() && zone.bytes().all(is_zone)).then_some(rest)
}

/// Returns true for `%r:%u@%d`. A background process has neither a host nor names, so it writes `:@`.
fn is_session(session: &str) -> bool {
    let names = session
        .strip_prefix(':')
        .or_else(|| session.strip_prefix("[local]:"))
        .or_else(|| {
            let (host, rest) = session.split_once('(')?;
            let (port, names) = rest.split_once("):")?;
            let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
            let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            (is_host && is_port).then_some(names)
        });
    names.is_some_and(|names| names.contains('@'))
}

/// The end of a prefix with the severity, such as `:[77]:LOG:  `, and the text on both sides of it.
struct Severity<'a> {
    before: &'a str,
    name: &'a str,
    after: &'a str,
}

/// Returns every place in a line that can be the end of its prefix.
fn severities(line: &str) -> impl Iterator<Item = Severity<'_>> {
    line.match_indices(":[").filter_map(|(start, opening)| {
        let rest = &line[start + opening.len()..];
        let (process, rest) = split_leading(rest, |byte| byte.is_ascii_digit());
        let (name, rest) =
            split_leading(rest.strip_prefix("]:")?, |byte| byte.is_ascii_uppercase());
        let after = rest.strip_prefix(":  ")?;
        (!process.is_empty()).then_some(Severity {
            before: &line[..start],
            name,
            after,
        })
    })
}

/// Splits a text behind its leading ASCII characters that satisfy `is_part`.
fn split_leading(text: &str, is_part: impl Fn(u8) -> bool) -> (&str, &str) {
    let length = text.bytes().take_while(|byte| is_part(*byte)).count();
    text.split_at(length)
}

/// Removes the prefix `00000: ` that `log_error_verbosity=verbose` adds to the message.
fn without_sqlstate(message: &str) -> &str {
    message.strip_prefix("00000: ").unwrap_or(message)
}

#[cfg(test)]
mod tests;
