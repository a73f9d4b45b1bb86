//! Leaves out what a plain dump says about owners and rights, as `pg_restore --no-owner --no-privileges` does, and about the database
//! that `pg_dump --create` would make.

use std::io::{self, BufRead, Write};

/// The end of the rows of a `COPY`.
const END_OF_ROWS: &[u8] = b"\\.";
/// The beginnings of the statements of one line that are left out, and of the lines that only some versions of psql or of the server
/// know.
const LEFT_OUT: [&[u8]; 13] = [
    b"GRANT ",
    b"REVOKE ",
    b"ALTER DEFAULT PRIVILEGES ",
    b"SET SESSION AUTHORIZATION ",
    b"CREATE ROLE ",
    b"SET transaction_timeout ",
    b"\\restrict",
    b"\\unrestrict",
    b"CREATE DATABASE ",
    b"DROP DATABASE ",
    b"ALTER DATABASE ",
    b"COMMENT ON DATABASE ",
    b"\\connect ",
];

/// Copies a plain dump without owners and rights. The rows of its tables stay as they are.
pub(super) fn copy_without_owners(from: impl BufRead, mut to: impl Write) -> io::Result<()> {
    let mut is_in_rows = false;
    for line in from.split(b'\n') {
        let line = line?;
        if !is_in_rows && is_about_rights(&line) {
            continue;
        }
        if is_in_rows {
            is_in_rows = line.trim_ascii_end() != END_OF_ROWS;
        } else {
            is_in_rows =
                line.starts_with(b"COPY ") && line.trim_ascii_end().ends_with(b"FROM stdin;");
        }
        to.write_all(&line)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

fn is_about_rights(line: &[u8]) -> bool {
    let is_owner = line.starts_with(b"ALTER ")
        && line.trim_ascii_end().ends_with(b";")
        && line.windows(10).any(|it| it == b" OWNER TO ");
    is_owner || LEFT_OUT.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_rights_are_left_out_and_rows_stay() {
        let dump = "\\restrict abc\nSET transaction_timeout = 0;\nCREATE TABLE public.a (t text);\nALTER TABLE public.a OWNER TO cms;\n\
             COPY public.a (t) FROM stdin;\nGRANT is a word\nALTER TABLE a OWNER TO b;\n\\.\nGRANT ALL ON TABLE public.a TO cms;\n\
             ALTER TABLE ONLY public.a ADD CONSTRAINT owner CHECK (t <> '');\n";
        let mut copied = Vec::new();
        copy_without_owners(dump.as_bytes(), &mut copied).unwrap();
        assert_eq!(
            String::from_utf8(copied).unwrap(),
            "CREATE TABLE public.a (t text);\nCOPY public.a (t) FROM stdin;\nGRANT is a word\nALTER TABLE a OWNER TO b;\n\\.\n\
             ALTER TABLE ONLY public.a ADD CONSTRAINT owner CHECK (t <> '');\n"
        );
    }

    /// psql would follow `\connect`, and load everything into another database.
    #[test]
    fn a_dump_that_makes_its_own_database_is_loaded_into_the_given_one() {
        let dump = "DROP DATABASE IF EXISTS prod;\nCREATE DATABASE prod WITH TEMPLATE = template0;\nALTER DATABASE prod SET a TO 'b';\n\\connect prod\n\
             CREATE TABLE public.a (t text);\nCOPY public.a (t) FROM stdin;\n\\connect is a word\n\\.\n";
        let mut copied = Vec::new();
        copy_without_owners(dump.as_bytes(), &mut copied).unwrap();
        assert_eq!(
            String::from_utf8(copied).unwrap(),
            "CREATE TABLE public.a (t text);\nCOPY public.a (t) FROM stdin;\n\\connect is a word\n\\.\n"
        );
    }
}
