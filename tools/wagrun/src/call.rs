//! Errors of calls to AWS, in the words of an operator.

use std::error::Error;

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use wagrun_lambda::telemetry::chain;

/// Codes of AWS for credentials that are over.
const EXPIRED: [&str; 5] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
    "UnauthorizedSSOTokenError",
];
/// Codes of AWS for credentials that it does not know.
const UNKNOWN: [&str; 5] = [
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
];
/// Codes of AWS for a call that no policy allows.
const DENIED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
];

/// A call of AWS failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There are no credentials.
    #[error(
        "no AWS credentials were found for {action}; log in (aws sso login, aws configure) or name a profile with --profile"
    )]
    NoCredentials {
        /// The action, such as `sqs:GetQueueAttributes`.
        action: &'static str,
    },
    /// The credentials are over.
    #[error("the AWS credentials have expired; log in again")]
    Expired,
    /// AWS does not know the credentials.
    #[error("AWS does not accept the credentials ({code}); check the profile and the clock")]
    Unknown {
        /// The code of AWS.
        code: String,
    },
    /// The credentials do not allow the call.
    #[error("{action} is not allowed: {message}; docs/operator.md has the policy")]
    Denied {
        /// The action, such as `sqs:GetQueueAttributes`.
        action: &'static str,
        /// The message of AWS, which names the principal and the resource.
        message: String,
    },
    /// AWS refused the call for another reason.
    #[error("{action} was refused: {code}: {message}")]
    Refused {
        /// The action, such as `sqs:GetQueueAttributes`.
        action: &'static str,
        /// The code of AWS.
        code: String,
        /// The message of AWS.
        message: String,
    },
    /// There was no answer.
    #[error(
        "{action} had no answer that can be used: {cause}; check the network, and the region with --region"
    )]
    NotAnswered {
        /// The action, such as `sqs:GetQueueAttributes`.
        action: &'static str,
        /// All causes in one text.
        cause: String,
    },
}

impl CallError {
    /// Returns the code of AWS, for a call that was refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// Returns a function that explains the error of a call, for `map_err`. `action` is the action of IAM.
pub fn explain<E, R>(action: &'static str) -> impl FnOnce(SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    move |error| {
        if let Some(refused) = error.as_service_error()
            && let Some(code) = refused.code()
        {
            let message = refused.message().unwrap_or("no message").to_owned();
            return refusal(action, code.to_owned(), message);
        }
        let cause = chain(&error);
        let lower = cause.to_lowercase();
        if lower.contains("credential") || lower.contains("no identity") {
            CallError::NoCredentials { action }
        } else {
            CallError::NotAnswered { action, cause }
        }
    }
}

fn refusal(action: &'static str, code: String, message: String) -> CallError {
    if EXPIRED.contains(&&*code) {
        CallError::Expired
    } else if UNKNOWN.contains(&&*code) {
        CallError::Unknown { code }
    } else if DENIED.contains(&&*code) {
        CallError::Denied { action, message }
    } else {
        CallError::Refused {
            action,
            code,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_the_next_step() {
        let said = |code: &str| {
            refusal(
                "sqs:SendMessage",
                code.to_owned(),
                "User: arn:… is not".to_owned(),
            )
            .to_string()
        };
        assert_eq!(
            said("ExpiredToken"),
            "the AWS credentials have expired; log in again"
        );
        assert_eq!(
            said("AccessDenied"),
            "sqs:SendMessage is not allowed: User: arn:… is not; docs/operator.md has the policy"
        );
        assert_eq!(
            said("Throttling"),
            "sqs:SendMessage was refused: Throttling: User: arn:… is not"
        );
        assert!(said("InvalidClientTokenId").contains("check the profile"));
    }
}
