//! A stack that is broken on purpose, and the calls that break and mend it.

use local_stack::aws::Aws;
use local_stack::deployment::Deployment;
use serde_json::{Value, json};

use crate::support::scenario::Scenario;
use crate::support::wagrun::{clear_dead_letters, wagrun};

/// The version of SNS's query protocol.
const SNS: &str = "2010-03-31";

/// A stack that is broken on purpose, and mended again.
pub struct Patient {
    pub scenario: Scenario,
    pub aws: Aws,
    deployment: Deployment,
}

impl Patient {
    /// Takes the shared stack for itself.
    pub async fn new(name: &str) -> Self {
        let scenario = Scenario::exclusive(name).await;
        clear_dead_letters(&scenario).await;
        let deployment = scenario.stack.local.deployment.clone();
        Self {
            aws: deployment.aws().clone(),
            deployment,
            scenario,
        }
    }

    pub fn output(&self, name: &str) -> &str {
        self.deployment.output(name).unwrap()
    }

    /// Runs one check, which must find this.
    pub async fn finds(&self, check: &str, expected: &str) {
        let text = wagrun(&self.scenario, &["doctor", "--only", check])
            .await
            .bad();
        assert!(text.starts_with(&format!("FAIL  {check}")), "{text}");
        assert!(text.contains(expected), "{check}: {expected}\n{text}");
        assert!(
            text.contains("      means: ") && text.contains("      next:  "),
            "{text}"
        );
    }

    /// Runs one check, which must find nothing.
    pub async fn is_well(&self, check: &str) {
        wagrun(&self.scenario, &["doctor", "--only", check])
            .await
            .good();
    }

    /// Calls SQS.
    pub async fn sqs(&self, action: &str, input: Value) -> Value {
        let action = format!("AmazonSQS.{action}");
        self.aws.json("sqs", &action, &input).await.unwrap()
    }

    pub async fn set_queue_attribute(&self, output: &str, name: &str, value: &str) {
        let input = json!({"QueueUrl": self.output(output), "Attributes": {name: value}});
        self.sqs("SetQueueAttributes", input).await;
    }

    pub async fn queue_attribute(&self, output: &str, name: &str) -> String {
        let input = json!({"QueueUrl": self.output(output), "AttributeNames": [name]});
        let answer = self.sqs("GetQueueAttributes", input).await;
        answer["Attributes"][name].as_str().unwrap().to_owned()
    }

    /// Calls SNS.
    pub async fn sns(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.aws
            .query("sns", action, SNS, parameters)
            .await
            .unwrap()
    }

    /// Calls CloudWatch Logs.
    pub async fn logs(&self, action: &str, input: Value) -> Value {
        let action = format!("Logs_20140328.{action}");
        self.aws.json("logs", &action, &input).await.unwrap()
    }

    /// Returns the ARN of the event queue's subscription.
    pub async fn subscription(&self) -> String {
        let queue = self.queue_attribute("EventQueueUrl", "QueueArn").await;
        let topic = [("TopicArn", self.output("EventTopicArn"))];
        let listed = self.sns("ListSubscriptionsByTopic", &topic).await;
        let member = listed
            .split("<member>")
            .find(|member| member.contains(&queue))
            .unwrap();
        let arn = member.split_once("<SubscriptionArn>").unwrap().1;
        arn.split_once('<').unwrap().0.to_owned()
    }
}
