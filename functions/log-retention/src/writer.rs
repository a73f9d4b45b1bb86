//! The resource that writes a log group.

use std::fmt;

/// The writer of a log group, as far as the log group's name tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Writer {
    /// An App Runner service.
    AppRunner {
        /// The name of the service, which is the stack's.
        service: String,
        /// The id of the service. Another service of the same name has another id.
        id: String,
    },
    /// A Lambda function whose log group is not in the template.
    Function(String),
    /// An ECS cluster.
    Cluster(String),
    /// A writer that the name does not tell: one of the stack's functions, the database, or a build.
    Unknown,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppRunner { service, id } => write!(f, "App Runner service {service}/{id}"),
            Self::Function(function) => write!(f, "function {function}"),
            Self::Cluster(cluster) => write!(f, "ECS cluster {cluster}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
