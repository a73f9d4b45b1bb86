//! `wagrun doctor --end-to-end`: a marked change goes through the deployed stack.

use crate::support::runtime::run;
use crate::support::wagrun::wagrun;

use super::patient::Patient;

#[test]
fn nothing_is_wrong_with_a_stack_that_was_just_deployed() {
    run(async {
        let patient = Patient::new("op-well").await;
        // Tests before this one may have let a function fail within the last hour.
        let checks = "stack,functions,environment,doorbell-failures,second-doorbell,topic-subscription,queue-policy,\
                      dead-letter-queues,event-sources,subscribers,receivers,directory,dead-letters,schedules,log-groups,\
                      metrics,database-pauses,listeners,drain,marked-change";
        let file = patient
            .scenario
            .stack
            .local
            .supervisor
            .directory()
            .join("doctor.xml");
        let junit = file.display().to_string();
        let arguments = [
            "doctor",
            "--end-to-end",
            "--yes",
            "--only",
            checks,
            "--junit",
            &junit,
        ];
        let text = wagrun(&patient.scenario, &arguments).await.good();
        assert!(
            text.contains(" checks passed, 0 failed, 3 had nothing to look at.\n"),
            "{text}"
        );
        assert!(
            text.contains("marked-change       a run claimed it "),
            "{text}"
        );
        let xml = std::fs::read_to_string(&file).unwrap();
        assert!(
            xml.contains("name=\"queue-policy\"") && xml.contains("failures=\"0\""),
            "{xml}"
        );
        // No subscriber had the event of the marked change.
        let everything = patient.scenario.receiver().events("everything");
        assert!(everything.iter().all(|event| event.kind != "wagrun.marked"));
    });
}

#[test]
fn a_doorbell_of_another_function_is_found() {
    run(async {
        let patient = Patient::new("op-bell").await;
        let mut database = patient.scenario.stack.database().await;
        let mut set = async |function: &str| {
            let before: String = sqlx::query_scalar(
                "update wagrun.setting as new set value = $1 from wagrun.setting as old
                 where new.name = 'doorbell_function' and old.name = new.name returning old.value",
            )
            .bind(function)
            .fetch_one(&mut database)
            .await
            .unwrap();
            before
        };
        let arguments = ["doctor", "--end-to-end", "--yes", "--only", "marked-change"];
        let own = set("gone").await;
        let found = wagrun(&patient.scenario, &arguments).await;
        set(&own).await;
        let text = found.bad();
        assert!(
            text.contains("the database rings gone, and content-events is "),
            "{text}"
        );
        wagrun(&patient.scenario, &arguments).await.good();
    });
}
