//! Which log groups are the stack's, by their names.

use std::fmt;
use std::ops::RangeInclusive;

/// Folders of AWS's own, behind which the names of an account's things begin; of any other service it is `/aws/<service>/`.
const AWS_FOLDERS: [&str; 3] = [
    "/aws/rds/cluster/",
    "/aws/rds/instance/",
    "/aws/ecs/containerinsights/",
];
/// How long the random end is that CloudFormation gives the name of a thing.
const RANDOM_END: RangeInclusive<usize> = 12..=13;

/// The names that belong to one stack.
#[derive(Debug, Clone)]
pub struct Selection {
    stack: String,
    further: Vec<String>,
}

/// Who writes a log group, as far as its name says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Writer {
    /// An App Runner service.
    AppRunner {
        /// Its name, the stack's.
        service: String,
        /// Its id; another service of the same name has another.
        id: String,
    },
    /// A Lambda function that has no log group of its own.
    Function(String),
    /// An ECS cluster.
    Cluster(String),
    /// Whoever was told to: the stack's functions, the database, a build.
    Anyone,
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AppRunner { service, id } => write!(f, "App Runner service {service}/{id}"),
            Self::Function(function) => write!(f, "function {function}"),
            Self::Cluster(cluster) => write!(f, "ECS cluster {cluster}"),
            Self::Anyone => f.write_str("anyone"),
        }
    }
}

/// A prefix that can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SelectionError {
    /// It begins log groups of others too.
    #[error(
        "environment variable LOG_GROUP_PREFIXES: {prefix:?} would match log groups of other teams; it needs the stack's whole name between slashes, as in \"/aws/codebuild/{stack}/\""
    )]
    NotTheStacks {
        /// The prefix.
        prefix: String,
        /// The stack.
        stack: String,
    },
    /// No log group can begin like that.
    #[error(
        "environment variable LOG_GROUP_PREFIXES: {0:?} is empty, or has a character that no log group's name has"
    )]
    Malformed(String),
    /// Its own log groups would be everybody's.
    #[error(
        "environment variable STACK_NAME: the log groups of {0:?} can't be told from AWS's own"
    )]
    Stack(String),
}

impl Selection {
    /// The stack's own log groups, and those behind further prefixes, which have commas between.
    pub fn new(stack: &str, further: &str) -> Result<Self, SelectionError> {
        if stack == "aws" || !is_name(stack) || stack.contains('/') {
            return Err(SelectionError::Stack(stack.to_owned()));
        }
        let further = match further {
            "" => Vec::new(),
            list => list
                .split(',')
                .map(|prefix| checked(prefix.trim(), stack))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            stack: stack.to_owned(),
            further,
        })
    }

    /// The stack's name.
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// What to list, so as to see every log group of the stack. Others can be among them.
    pub fn prefixes(&self) -> Vec<String> {
        let stack = &self.stack;
        let mut prefixes = vec![
            format!("/{stack}/"),
            format!("/aws/apprunner/{stack}/"),
            format!("/aws/ecs/{stack}-"),
            format!("/aws/ecs/containerinsights/{stack}-"),
            format!("/aws/lambda/{stack}-"),
            format!("/aws/rds/cluster/{stack}/"),
        ];
        prefixes.extend(self.further.iter().cloned());
        prefixes
    }

    /// Who writes this log group, or none when it is not the stack's.
    pub fn writer(&self, log_group: &str) -> Option<Writer> {
        let named = |folder: &str| log_group.strip_prefix(folder)?.strip_prefix(&self.stack);
        if let Some(rest) = named("/aws/apprunner/").and_then(|rest| rest.strip_prefix('/')) {
            return Some(match rest.split_once('/') {
                Some((id, _)) => Writer::AppRunner {
                    service: self.stack.clone(),
                    id: id.to_owned(),
                },
                None => Writer::Anyone,
            });
        }
        if let Some(rest) = named("/aws/lambda/").filter(|rest| is_generated(rest)) {
            return Some(Writer::Function(format!("{}{rest}", self.stack)));
        }
        let cluster = ["/aws/ecs/containerinsights/", "/aws/ecs/"]
            .into_iter()
            .filter_map(|folder| named(folder)?.split_once('/'))
            .find(|(rest, _)| is_generated(rest));
        if let Some((rest, _)) = cluster {
            return Some(Writer::Cluster(format!("{}{rest}", self.stack)));
        }
        let ours = ["/", "/aws/rds/cluster/"]
            .into_iter()
            .any(|folder| named(folder).is_some_and(|rest| rest.starts_with('/')))
            || self
                .further
                .iter()
                .any(|prefix| log_group.starts_with(prefix.as_str()));
        ours.then_some(Writer::Anyone)
    }
}

fn checked(prefix: &str, stack: &str) -> Result<String, SelectionError> {
    if !is_name(prefix) {
        return Err(SelectionError::Malformed(prefix.to_owned()));
    }
    // What is behind the last slash may go on with anything: `/wagrun` is the beginning of `/wagrun-dev/` too.
    let whole = behind_aws(prefix).rsplit_once('/');
    if whole.is_some_and(|(folders, _)| folders.split('/').any(|folder| folder == stack)) {
        Ok(prefix.to_owned())
    } else {
        Err(SelectionError::NotTheStacks {
            prefix: prefix.to_owned(),
            stack: stack.to_owned(),
        })
    }
}

/// The part of a prefix that an account chose.
fn behind_aws(prefix: &str) -> &str {
    if let Some(rest) = AWS_FOLDERS
        .iter()
        .find_map(|folder| prefix.strip_prefix(folder))
    {
        return rest;
    }
    match prefix.strip_prefix("/aws/") {
        Some(rest) => rest.split_once('/').map_or("", |(_, rest)| rest),
        None => prefix,
    }
}

/// Whether this is how CloudFormation goes on after the stack's name: `-<logical id>-<random end>`. A stack whose name
/// begins like this one's goes on with more than one hyphen.
fn is_generated(rest: &str) -> bool {
    let Some((logical_id, end)) = rest.strip_prefix('-').and_then(|rest| rest.split_once('-'))
    else {
        return false;
    };
    let alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    !logical_id.is_empty()
        && alphanumeric(logical_id)
        && alphanumeric(end)
        && RANDOM_END.contains(&end.len())
}

/// Whether a log group's name can have these characters.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_group_is_the_stacks_by_its_whole_name_only() {
        let selection =
            Selection::new("wagrun", "/aws/codebuild/wagrun/,/aws/lambda/wagrun/").unwrap();
        let app_runner = Writer::AppRunner {
            service: "wagrun".into(),
            id: "8fe1e10304f84fd2b0df550fe98a71fa".into(),
        };
        let table = [
            ("/wagrun/content-events", Some(Writer::Anyone)),
            ("/aws/codebuild/wagrun/site", Some(Writer::Anyone)),
            ("/aws/rds/cluster/wagrun/postgresql", Some(Writer::Anyone)),
            (
                "/aws/apprunner/wagrun/8fe1e10304f84fd2b0df550fe98a71fa/service",
                Some(app_runner),
            ),
            (
                "/aws/lambda/wagrun-ContentEventsFunction-1A2B3C4D5E6F",
                Some(Writer::Function(
                    "wagrun-ContentEventsFunction-1A2B3C4D5E6F".into(),
                )),
            ),
            (
                "/aws/ecs/wagrun-EcsCluster-a1B2c3D4e5F6/web-1234",
                Some(Writer::Cluster("wagrun-EcsCluster-a1B2c3D4e5F6".into())),
            ),
            (
                "/aws/ecs/containerinsights/wagrun-EcsCluster-a1B2c3D4e5F6/performance",
                Some(Writer::Cluster("wagrun-EcsCluster-a1B2c3D4e5F6".into())),
            ),
            ("/aws/lambda/wagrun/named-by-hand", Some(Writer::Anyone)),
            // Another stack's, whose name begins like this one's.
            ("/wagrun-dev/content-events", None),
            (
                "/aws/lambda/wagrun-dev-ContentEventsFunction-1A2B3C4D5E6F",
                None,
            ),
            ("/aws/ecs/wagrun-dev-EcsCluster-a1B2c3D4e5F6/web-1234", None),
            ("/aws/rds/cluster/wagrun-dev/postgresql", None),
            (
                "/aws/apprunner/wagrun-dev/8fe1e10304f84fd2b0df550fe98a71fa/service",
                None,
            ),
            // Somebody's own function, named by hand.
            ("/aws/lambda/wagrun-import", None),
            ("/aws/lambda/wagrun-import-nightly", None),
            ("/aws/lambda/wagrun", None),
            ("/aws/lambda/wagrunner-Function-1A2B3C4D5E6F", None),
            ("/aws/codebuild/wagrun", None),
            ("/aws/codebuild/site", None),
            ("wagrun/content-events", None),
        ];
        for (name, writer) in table {
            assert_eq!(selection.writer(name), writer, "{name}");
        }
    }

    #[test]
    fn every_log_group_of_the_stack_is_behind_a_listed_prefix() {
        let prefixes = Selection::new("wagrun", "/builds/wagrun/")
            .unwrap()
            .prefixes();
        for name in [
            "/wagrun/web",
            "/aws/apprunner/wagrun/8fe1/application",
            "/aws/lambda/wagrun-F-1A2B3C4D5E6F",
            "/aws/rds/cluster/wagrun/iam-db-auth-error",
            "/aws/ecs/wagrun-EcsCluster-1A2B3C4D5E6F/web-1234",
            "/aws/ecs/containerinsights/wagrun-EcsCluster-1A2B3C4D5E6F/performance",
            "/builds/wagrun/site",
        ] {
            assert!(
                prefixes.iter().any(|prefix| name.starts_with(prefix)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_prefix_that_is_not_the_stacks_alone_is_refused_by_name() {
        for prefix in [
            "/",
            "/aws/",
            "/aws/lambda/",
            "/aws/rds/cluster/",
            "/aws/wagrun/",
            "/wagrun",
            "/aws/codebuild/wagrun",
            "/aws/codebuild/wagrun-site/",
            "/other/",
        ] {
            let error = Selection::new("wagrun", &format!("/x/wagrun/,{prefix}")).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!(
                    "environment variable LOG_GROUP_PREFIXES: {prefix:?} would match log groups of other teams"
                )),
                "{prefix} gave {error}"
            );
        }
        for (stack, prefix) in [("lambda", "/aws/lambda/"), ("cluster", "/aws/rds/cluster/")] {
            assert!(
                Selection::new(stack, prefix).is_err(),
                "{prefix} in {stack}"
            );
        }
    }

    #[test]
    fn a_prefix_that_no_log_group_has_is_refused_by_name() {
        for (list, prefix) in [
            ("/x/wagrun/,", ""),
            ("/wagrun/*", "/wagrun/*"),
            ("a b", "a b"),
        ] {
            assert_eq!(
                Selection::new("wagrun", list).unwrap_err(),
                SelectionError::Malformed(prefix.into())
            );
        }
        assert!(Selection::new("aws", "").is_err());
        assert!(Selection::new("", "").is_err());
    }

    #[test]
    fn prefixes_with_the_stacks_name_are_taken() {
        let selection = Selection::new(
            "wagrun",
            "/aws/codebuild/wagrun/, /team/wagrun/x,/aws/rds/instance/wagrun/",
        )
        .unwrap();
        assert!(selection.prefixes().contains(&"/team/wagrun/x".to_owned()));
        assert_eq!(selection.writer("/team/wagrun/xyz"), Some(Writer::Anyone));
    }
}
