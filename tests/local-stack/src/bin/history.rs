//! Runs `make history OBJECT=page/42`: prints the history of an object in the running demo.

use std::process::ExitCode;

use local_stack::aws::Aws;
use local_stack::deployment::Deployment;
use local_stack::history::History;
use wagrun_lambda::environment::required;
use wagrun_lambda::telemetry::chain;

#[tokio::main]
async fn main() -> ExitCode {
    match history().await {
        Ok(history) => {
            print!("{history}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn history() -> Result<History, Box<dyn std::error::Error>> {
    let object = std::env::args()
        .nth(1)
        .ok_or("usage: history OBJECT, such as page/42")?;
    let aws = Aws::new(&required("AWS_ENDPOINT_URL")?)?;
    let deployment = Deployment::existing(aws, &required("STACK")?).await?;
    Ok(History::of(&deployment, &required("DEMO_DATABASE")?, &object).await?)
}
