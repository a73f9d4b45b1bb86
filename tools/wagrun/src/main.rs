//! The program `wagrun`.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use wagrun::{Arguments, Verdict, run};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&arguments).await {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(1),
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
