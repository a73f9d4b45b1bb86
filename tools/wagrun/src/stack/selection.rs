//! The options that choose a stack.

use clap::Args;

/// The choice of a stack, on the command line.
#[derive(Debug, Clone, Default, Args)]
pub struct Selection {
    /// Name of the stack; without it the demo that runs on this machine
    #[arg(long, global = true, env = "STACK", hide_env_values = true)]
    pub stack: Option<String>,
    /// Profile of the AWS CLI
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Region of AWS
    #[arg(long, global = true)]
    pub region: Option<String>,
}

impl Selection {
    /// Returns the name of the stack. An empty one, as an unset variable of a script gives, counts as none.
    pub fn stack(&self) -> Option<&str> {
        self.stack.as_deref().filter(|name| !name.is_empty())
    }
}
