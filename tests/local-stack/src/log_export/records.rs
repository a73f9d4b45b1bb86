//! Groups the lines of a PostgreSQL log into the records that CloudWatch stores.
//!
//! A record is one entry. It begins with a line that has a time. The further lines of the message follow, and the parts
//! `DETAIL`, `CONTEXT`, `STATEMENT` and so on. Each part may have several lines.

/// The severities of lines that belong to the entry before them.
const PARTS: [&str; 7] = [
    "DETAIL",
    "HINT",
    "QUERY",
    "CONTEXT",
    "LOCATION",
    "BACKTRACE",
    "STATEMENT",
];

/// The lines that do not form a complete record yet.
#[derive(Debug, Default)]
pub struct Records {
    record: Option<String>,
    line: Vec<u8>,
}

impl Records {
    /// Adds the next bytes of the log, and returns the records that they complete.
    pub fn push(&mut self, written: &[u8]) -> Vec<String> {
        let mut complete = Vec::new();
        for piece in written.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.pop_if(|last| *last == b'\n').is_some() {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                complete.extend(self.add(line));
            }
        }
        complete
    }

    /// Returns the last record, if the server has written nothing for a while.
    pub fn end(&mut self) -> Option<String> {
        if self.line.is_empty() {
            self.record.take()
        } else {
            None
        }
    }

    /// Adds a line, and returns the record that ends before it.
    fn add(&mut self, line: String) -> Option<String> {
        match &mut self.record {
            Some(record) if !begins_a_record(&line) => {
                record.push('\n');
                record.push_str(&line);
                None
            }
            record => record.replace(line),
        }
    }
}

/// Returns true for a line that begins with a time and is not a part of the entry before it.
fn begins_a_record(line: &str) -> bool {
    const TIME: &[u8] = b"0000-00-00 00:00:00 ";
    let has_time = line.len() > TIME.len()
        && line.bytes().zip(TIME).all(|(byte, pattern)| match pattern {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *pattern,
        });
    let is_part = |line: &str| {
        PARTS
            .iter()
            .any(|part| line.contains(&format!("]:{part}:  ")))
    };
    has_time && !is_part(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "2026-11-21 21:46:46 UTC:10.0.0.4(51234):wagtail_web@wagtail:[77]:";

    /// Returns an entry of four lines, one of three lines, and one of one line.
    fn entries() -> [String; 3] {
        [
            format!(
                "{PREFIX}LOG:  wagrun doorbell {{\"xid\":\"901\"}} by log\n{PREFIX}CONTEXT:  PL/pgSQL function\n\tSQL \
                 statement\n{PREFIX}STATEMENT:  COMMIT"
            ),
            format!("{PREFIX}ERROR:  no such thing: Ä\n\tand\n\tmore"),
            format!("{PREFIX}LOG:  checkpoint starting: time"),
        ]
    }

    #[test]
    fn an_entry_with_all_its_lines_is_one_record() {
        let entries = entries();
        let mut records = Records::default();
        let complete = records.push(format!("{}\n", entries.join("\n")).as_bytes());
        assert_eq!(complete, entries[..2]);
        assert_eq!(records.end().as_ref(), Some(&entries[2]));
        assert_eq!(records.end(), None);
    }

    #[test]
    fn it_does_not_matter_in_which_pieces_it_is_read() {
        let entries = entries();
        let text = format!("{}\n", entries.join("\n"));
        for length in 1..text.len() {
            let mut records = Records::default();
            let mut complete = Vec::new();
            for piece in text.as_bytes().chunks(length) {
                complete.extend(records.push(piece));
            }
            complete.extend(records.end());
            assert_eq!(complete, entries, "in pieces of {length} bytes");
        }
    }

    #[test]
    fn half_a_line_ends_no_record() {
        let mut records = Records::default();
        let pieces = ["LOG:  wagrun door", "bell\n", "\tand mo", "re\n"];
        let mut prefix = PREFIX;
        for piece in pieces {
            let piece = format!("{}{piece}", std::mem::take(&mut prefix));
            assert_eq!(records.push(piece.as_bytes()), [""; 0]);
            if !piece.ends_with('\n') {
                assert_eq!(records.end(), None, "after {piece:?}");
            }
        }
        let record = format!("{PREFIX}LOG:  wagrun doorbell\n\tand more");
        assert_eq!(records.end(), Some(record));
    }

    #[test]
    fn a_line_without_a_time_begins_no_record() {
        let text = format!("{PREFIX}LOG:  one\nyyyy-mm-dd hh:mm:ss UTC\n2026-11-21\n\n");
        let mut records = Records::default();
        assert_eq!(records.push(text.as_bytes()), [""; 0]);
        assert_eq!(records.end().as_deref(), text.strip_suffix('\n'));
    }
}
