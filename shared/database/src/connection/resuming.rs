//! The errors by which a resuming database is recognised.

use std::io::ErrorKind;

/// Returns true when the same attempt may succeed in a few seconds, because the database is resuming from its pause.
///
/// A resuming Aurora has been seen to time out, to reset or close the connection, and to answer that it is starting up
/// (57P03). It has also answered `no pg_hba.conf entry` (28000), which is final elsewhere (reports in
/// cyrilgdn/terraform-provider-postgresql#540 and terraform-aws-modules/terraform-aws-rds-aurora#476).
/// A name that does not resolve, an unknown role or database and an untrusted certificate are final errors.
pub fn may_be_resuming(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::TimedOut
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
                | ErrorKind::NotConnected
                | ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
        ),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            // The server starts or shuts down, or it lacks connection slots or memory for one more connection.
            Some("57P03" | "57P01" | "57P02" | "53300" | "53200") => true,
            // With "no encryption" the server refuses this session for good, because it is not encrypted.
            Some("28000") => {
                error.message().contains("no pg_hba.conf entry")
                    && !error.message().contains("no encryption")
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_connection_is_worth_another_attempt_and_an_unknown_name_is_not() {
        let io = |kind: ErrorKind| sqlx::Error::Io(kind.into());
        for kind in [
            ErrorKind::TimedOut,
            ErrorKind::ConnectionReset,
            ErrorKind::UnexpectedEof,
            ErrorKind::ConnectionRefused,
        ] {
            assert!(may_be_resuming(&io(kind)), "{kind}");
        }
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::InvalidData,
            ErrorKind::Other,
        ] {
            assert!(!may_be_resuming(&io(kind)), "{kind}");
        }
        assert!(!may_be_resuming(&sqlx::Error::Tls("expired".into())));
    }
}
