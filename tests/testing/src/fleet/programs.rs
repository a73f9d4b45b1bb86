//! Starts the programs of the functions as Lambda does, and measures the processor time and the memory that they use.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::aws::client_environment;
use crate::process::{Process, ProcessError, Supervisor};

/// The unit in which Linux counts the processor time of a process, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// The program of a function.
#[derive(Debug, Clone)]
pub struct Program {
    /// The name of the function.
    pub name: &'static str,
    /// The binary, or an interpreter with its arguments.
    pub command: Vec<PathBuf>,
    /// The address of its Runtime API.
    pub runtime_api: String,
    /// The address of the AWS services.
    pub endpoint: String,
    /// The environment variables that the template sets.
    pub environment: Vec<(&'static str, String)>,
}

/// The resources that a process has used so far.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// The processor time, in steps of 10 ms.
    pub cpu: Duration,
    /// The resident memory now, in KiB.
    pub resident: u64,
    /// The largest resident memory so far, in KiB.
    pub peak: u64,
}

impl Program {
    /// Starts one instance, which asks for invocations until the supervisor ends.
    pub fn start(&self, supervisor: &Supervisor, number: usize) -> Result<Process, ProcessError> {
        let (program, arguments) = self.command.split_first().expect("a program");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &self.runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", self.name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
            .env("AWS_LAMBDA_LOG_LEVEL", "INFO")
            .envs(client_environment(&self.endpoint))
            .envs(self.environment.iter().cloned());
        supervisor.spawn(&format!("{}-{number}", self.name), command)
    }
}

/// Returns the resources that a process has used so far.
pub fn usage(process: &Process) -> io::Result<Usage> {
    let directory = Path::new("/proc").join(process.id().to_string());
    let stat = std::fs::read_to_string(directory.join("stat"))?;
    let status = std::fs::read_to_string(directory.join("status"))?;
    parse(&stat, &status).ok_or_else(|| io::Error::other("the format of /proc is unexpected"))
}

fn parse(stat: &str, status: &str) -> Option<Usage> {
    // The second field is the name of the program in parentheses, with any characters. utime and stime are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok();
    let kibibytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Usage {
        cpu: TICK * (ticks()? + ticks()?),
        resident: kibibytes("VmRSS:")?,
        peak: kibibytes("VmHWM:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_as_linux_writes_it() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 900 0 1 0 250 50 0 0 20 0 3 0 100 1 1";
        let status = "Name:\ta) b\nVmHWM:\t   14000 kB\nVmRSS:\t   12000 kB\n";
        let usage = parse(stat, status).unwrap();
        assert_eq!(usage.cpu, Duration::from_secs(3));
        assert_eq!((usage.resident, usage.peak), (12_000, 14_000));
        assert!(parse(stat, "Name:\tzombie\n").is_none());
    }
}
