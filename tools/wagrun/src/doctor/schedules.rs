//! The check of the schedules.

use aws_sdk_scheduler::types::ScheduleState;

use super::check::Outcome;
use super::functions::resources;
use crate::call::explain;
use crate::error::CommandError;
use crate::stack::Stack;

/// The resource type of a schedule.
const SCHEDULE: &str = "AWS::Scheduler::Schedule";

/// Every schedule is enabled.
pub async fn enabled(stack: &Stack) -> Result<Outcome, CommandError> {
    let client = aws_sdk_scheduler::Client::new(&stack.aws);
    let mut faults = Vec::new();
    let mut count = 0;
    for resource in resources(stack).await? {
        if resource.resource_type.as_deref() != Some(SCHEDULE) {
            continue;
        }
        count += 1;
        let name = resource.logical_resource_id.unwrap_or_default();
        let id = resource.physical_resource_id.unwrap_or_default();
        // The id of a schedule in a group of its own is `group|name`.
        let id = id.rsplit(['|', '/']).next().unwrap_or_default();
        match client.get_schedule().name(id).send().await {
            Ok(schedule) if schedule.state == Some(ScheduleState::Disabled) => {
                faults.push(format!("{name} is disabled"));
            }
            Ok(_) => {}
            Err(error) => faults.push(format!(
                "{name}: {}",
                explain("scheduler:GetSchedule")(error)
            )),
        }
    }
    Ok(Outcome::of(
        &faults,
        format!("{count} schedules are enabled"),
    ))
}
