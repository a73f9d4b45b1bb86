//! The findings of all checks, as text, JSON and JUnit XML.

use std::fmt;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::check::{Finding, Outcome};
use crate::error::CommandError;
use crate::output::{self, counted};

/// The findings about a stack.
#[derive(Debug, Serialize)]
pub struct Examination {
    stack: String,
    findings: Vec<Finding>,
}

impl Examination {
    /// Collects the findings.
    pub fn new(stack: &str, findings: Vec<Finding>) -> Self {
        Self {
            stack: stack.to_owned(),
            findings,
        }
    }

    /// Returns the number of checks that failed.
    pub fn failed(&self) -> usize {
        let failed = |one: &&Finding| matches!(one.outcome, Outcome::Failed(_));
        self.findings.iter().filter(failed).count()
    }

    /// Returns the findings as JUnit XML.
    pub fn junit(&self) -> Result<String, CommandError> {
        let mut suite = TestSuite::new("wagrun doctor");
        for finding in &self.findings {
            let status = match &finding.outcome {
                Outcome::Passed(_) => TestCaseStatus::success(),
                Outcome::Skipped(why) => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(why.as_str());
                    status
                }
                Outcome::Failed(fault) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_message(fault.as_str());
                    status.set_description(format!("{}\n{}", finding.meaning, finding.next));
                    status
                }
            };
            let mut case = TestCase::new(finding.name, status);
            case.set_classname(self.stack.as_str());
            case.set_time(finding.duration);
            suite.add_test_case(case);
        }
        let mut report = Report::new(self.stack.as_str());
        report.add_test_suite(suite);
        report.to_string().map_err(|error| {
            CommandError::argument("--junit", format!("the result is no XML: {error}"))
        })
    }
}

impl fmt::Display for Examination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let Finding { name, title, .. } = finding;
            match &finding.outcome {
                Outcome::Passed(seen) => {
                    writeln!(formatter, "{}  {name:<19} {seen}", output::good("ok  "))?;
                }
                Outcome::Skipped(why) => writeln!(formatter, "-     {name:<19} {why}")?,
                Outcome::Failed(fault) => {
                    writeln!(
                        formatter,
                        "{}  {name:<19} not true: {title}",
                        output::bad("FAIL")
                    )?;
                    writeln!(formatter, "      found: {fault}")?;
                    writeln!(formatter, "      means: {}", finding.meaning)?;
                    writeln!(formatter, "      next:  {}", finding.next)?;
                }
            }
        }
        let passed = |one: &&Finding| matches!(one.outcome, Outcome::Passed(_));
        let (passed, failed) = (self.findings.iter().filter(passed).count(), self.failed());
        let skipped = self.findings.len() - passed - failed;
        let summary = format!(
            "{} passed, {failed} failed, {skipped} had nothing to look at.",
            counted(passed as u64, "check", "checks")
        );
        let summary = match failed {
            0 => output::good(summary),
            _ => output::bad(summary),
        };
        writeln!(formatter, "\n{summary}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_failure_says_what_it_means_and_what_is_next_in_every_form() {
        let finding = |name, outcome| Finding {
            name,
            title: "it holds",
            outcome,
            meaning: "it <is> \"bad\"",
            next: "wagrun status",
            facts: &[],
            duration_ms: 7,
            duration: Duration::from_millis(7),
        };
        let examination = Examination::new(
            "site",
            vec![
                finding("one", Outcome::Passed("seen".into())),
                finding("two", Outcome::Failed("a & b".into())),
                finding("three", Outcome::Skipped("no Aurora".into())),
            ],
        );
        let text = anstream::adapter::strip_str(&examination.to_string()).to_string();
        assert_eq!(
            text,
            "ok    one                 seen\n\
             FAIL  two                 not true: it holds\n      found: a & b\n      means: it <is> \"bad\"\n      next:  wagrun status\n\
             -     three               no Aurora\n\n\
             1 check passed, 1 failed, 1 had nothing to look at.\n"
        );
        let xml = examination.junit().unwrap();
        assert!(xml.contains("failures=\"1\""), "{xml}");
        assert!(xml.contains("a &amp; b"), "{xml}");
        assert!(xml.contains("it &lt;is"), "{xml}");
        let json = serde_json::to_value(&examination).unwrap();
        assert_eq!(json["findings"][1]["outcome"], "failed");
        assert_eq!(json["findings"][1]["detail"], "a & b");
    }
}
