# Shell functions for the commands in docs/. Load them once into bash or zsh, from the checkout:
#
#   export AWS_DEFAULT_REGION=eu-central-1 STACK=wagrun
#   . tools/runbook.sh
#
# They need the AWS CLI v2. They do not connect to the database. A function that they invoke may: content-events and migrate do.

# out NAME: prints the output NAME of the stack.
out() {
  aws cloudformation describe-stacks --stack-name "$STACK" \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}

# logs NAME [SINCE]: prints the log group /$STACK/NAME since SINCE ago; an hour if left out.
logs() {
  aws logs tail "/$STACK/$1" --since "${2:-1h}"
}

# database_log WORDS HOURS: prints the newest five messages of the database's log that contain WORDS. Wakes no database.
database_log() {
  aws logs filter-log-events --log-group-name "$(out DatabaseLogGroupName)" --filter-pattern "\"$1\"" \
    --start-time "$(($(date +%s) - $2 * 3600))000" --query 'events[-5:].message' --output text
}

# depth NAME: prints the number of messages that wait in the queue whose URL is the output NAME, and of those being handled.
depth() {
  aws sqs get-queue-attributes --queue-url "$(out "$1")" --query Attributes \
    --attribute-names ApproximateNumberOfMessages ApproximateNumberOfMessagesNotVisible
}

# queues: prints the depth of every queue of the stack.
queues() {
  local queue
  for queue in $(aws cloudformation describe-stacks --stack-name "$STACK" \
      --query "Stacks[0].Outputs[?ends_with(OutputKey,'QueueUrl')].OutputKey" --output text | tr '\t' '\n'); do
    echo "$queue"
    depth "$queue"
  done
}

# peek NAME: prints up to ten messages of the queue whose URL is the output NAME. Each look counts as a receive.
peek() {
  aws sqs receive-message --queue-url "$(out "$1")" --visibility-timeout 5 --max-number-of-messages 10 \
    --message-system-attribute-names All --query 'Messages[].[Attributes,Body]' --output json
}

# purge NAME: deletes every message of the queue whose URL is the output NAME.
purge() {
  aws sqs purge-queue --queue-url "$(out "$1")"
}

# queue_arn NAME: prints the ARN of the queue whose URL is the output NAME.
queue_arn() {
  aws sqs get-queue-attributes --queue-url "$(out "$1")" --attribute-names QueueArn --query Attributes.QueueArn --output text
}

# invoke NAME PAYLOAD: invokes the function whose name is the output NAME and waits. Prints the function's answer on standard
# output, and Lambda's status (StatusCode, FunctionError) on standard error.
invoke() {
  aws lambda invoke --function-name "$(out "$1")" --cli-read-timeout 910 \
    --cli-binary-format raw-in-base64-out --payload "$2" /dev/fd/3 3>&1 >&2
}

# One function of the stack each: prints the answer to the payload.
content_events() { invoke ContentEventsFunctionName "$1"; }
deliver() { invoke DeliverFunctionName "$1"; }
subscriber_directory() { invoke SubscriberDirectoryFunctionName "$1"; }
migrate() { invoke MigrateFunctionName "$1"; }
release() { invoke ReleaseFunctionName "$1"; }
log_retention() { invoke LogRetentionFunctionName "$1"; }

# database_instance: prints the identifier of the database's first instance.
database_instance() {
  aws rds describe-db-clusters --db-cluster-identifier "$(out DatabaseClusterId)" \
    --query 'DBClusters[0].DBClusterMembers[0].DBInstanceIdentifier' --output text
}

# metrics NAMESPACE DIMENSION HOURS PERIOD METRIC...: prints each metric of the last HOURS, with one line for each PERIOD of
# seconds: time, minimum, average, maximum and sum. DIMENSION is Name=…,Value=…, or [] for none. Needs GNU date.
metrics() {
  local namespace=$1 dimension=$2 hours=$3 period=$4 metric
  shift 4
  for metric in "$@"; do
    echo "$metric"
    aws cloudwatch get-metric-statistics --namespace "$namespace" --metric-name "$metric" --dimensions "$dimension" \
      --start-time "$(date -u -d "-$hours hours" +%FT%TZ)" --end-time "$(date -u +%FT%TZ)" --period "$period" \
      --statistics Minimum Average Maximum Sum \
      --query 'sort_by(Datapoints,&Timestamp)[].[Timestamp,Minimum,Average,Maximum,Sum]' --output text
  done
}
