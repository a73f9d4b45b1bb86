//! Selects the log groups of the stack by their names.

use std::ops::RangeInclusive;

use crate::writer::Writer;

/// Prefixes that AWS sets before the name of a resource. For a service that is not listed it is `/aws/<service>/`.
const AWS_PREFIXES: [&str; 3] = [
    "/aws/rds/cluster/",
    "/aws/rds/instance/",
    "/aws/ecs/containerinsights/",
];
/// Lengths of the random suffix that CloudFormation appends to the name of a resource.
const RANDOM_SUFFIX_LENGTHS: RangeInclusive<usize> = 12..=13;

/// The rules by which a log group belongs to one stack.
#[derive(Debug, Clone)]
pub struct Selection {
    stack: String,
    extra_prefixes: Vec<String>,
}

/// A stack's name or a prefix that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SelectionError {
    /// Log groups that are not the stack's could begin with the prefix.
    #[error(
        "environment variable LOG_GROUP_PREFIXES: {prefix:?} would match log groups of other teams; it needs the stack's whole name between slashes, as in \"/aws/codebuild/{stack}/\""
    )]
    NotTheStacks {
        /// The prefix.
        prefix: String,
        /// The name of the stack.
        stack: String,
    },
    /// No log group can begin with the prefix.
    #[error(
        "environment variable LOG_GROUP_PREFIXES: {0:?} is empty, or has a character that no log group's name has"
    )]
    Malformed(String),
    /// The names of the stack's log groups would be names of AWS.
    #[error(
        "environment variable STACK_NAME: the log groups of {0:?} cannot be told from AWS's own"
    )]
    Stack(String),
}

impl Selection {
    /// Selects the stack's own log groups, and those of `extra_prefixes`, which are separated by commas.
    pub fn new(stack: &str, extra_prefixes: &str) -> Result<Self, SelectionError> {
        if stack == "aws" || !is_valid_name(stack) || stack.contains('/') {
            return Err(SelectionError::Stack(stack.to_owned()));
        }
        let extra_prefixes = match extra_prefixes {
            "" => Vec::new(),
            list => list
                .split(',')
                .map(|prefix| parse_prefix(prefix.trim(), stack))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self {
            stack: stack.to_owned(),
            extra_prefixes,
        })
    }

    /// Returns the stack's name.
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// Returns the prefixes that cover every log group of the stack. Log groups of others may begin with them too.
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
        prefixes.extend(self.extra_prefixes.iter().cloned());
        prefixes
    }

    /// Returns the writer of a log group, or `None` when the log group is not the stack's.
    pub fn writer(&self, log_group: &str) -> Option<Writer> {
        let named = |folder: &str| log_group.strip_prefix(folder)?.strip_prefix(&self.stack);
        if let Some(rest) = named("/aws/apprunner/").and_then(|rest| rest.strip_prefix('/')) {
            return Some(match rest.split_once('/') {
                Some((id, _)) => Writer::AppRunner {
                    service: self.stack.clone(),
                    id: id.to_owned(),
                },
                None => Writer::Unknown,
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
        let is_the_stacks = ["/", "/aws/rds/cluster/"]
            .into_iter()
            .any(|folder| named(folder).is_some_and(|rest| rest.starts_with('/')))
            || self
                .extra_prefixes
                .iter()
                .any(|prefix| log_group.starts_with(prefix.as_str()));
        is_the_stacks.then_some(Writer::Unknown)
    }
}

fn parse_prefix(prefix: &str, stack: &str) -> Result<String, SelectionError> {
    if !is_valid_name(prefix) {
        return Err(SelectionError::Malformed(prefix.to_owned()));
    }
    // Only whole path segments count: `/wagrun` is a prefix of `/wagrun-dev/` too.
    let whole_segments = without_aws_prefix(prefix).rsplit_once('/');
    if whole_segments.is_some_and(|(segments, _)| segments.split('/').any(|name| name == stack)) {
        Ok(prefix.to_owned())
    } else {
        Err(SelectionError::NotTheStacks {
            prefix: prefix.to_owned(),
            stack: stack.to_owned(),
        })
    }
}

/// Returns the part of a prefix that does not come from AWS.
fn without_aws_prefix(prefix: &str) -> &str {
    if let Some(rest) = AWS_PREFIXES
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

/// Returns true for the rest of a name that CloudFormation has generated: `-<logical id>-<random suffix>` after the stack's
/// name. The resources of a stack whose name begins like this one's have more hyphens.
fn is_generated(rest: &str) -> bool {
    let Some((logical_id, suffix)) = rest.strip_prefix('-').and_then(|rest| rest.split_once('-'))
    else {
        return false;
    };
    let alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    !logical_id.is_empty()
        && alphanumeric(logical_id)
        && alphanumeric(suffix)
        && RANDOM_SUFFIX_LENGTHS.contains(&suffix.len())
}

/// Returns true when a log group's name may have these characters.
fn is_valid_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_/#".contains(&byte))
}

#[cfg(test)]
mod tests;
