"""Bounds that SQS, SNS and EventBridge document without having them in their models, by service and member."""

# Alphanumeric characters and punctuation.
_FIFO_ID = {"min": 1, "max": 128, "pattern": r"[!-~]*"}
_ENTRY_ID = {"min": 1, "max": 80, "pattern": r"[A-Za-z0-9_-]*"}
_BATCH = {"min": 1, "max": 10, "unique": "Id"}

DOCUMENTED = {
    ("sqs", "MessageGroupId"): _FIFO_ID,
    ("sqs", "MessageDeduplicationId"): _FIFO_ID,
    ("sqs", "Id"): _ENTRY_ID,
    ("sqs", "Entries"): _BATCH,
    # The characters of XML, at least one character, and at most 1 MiB.
    ("sqs", "MessageBody"): {"min": 1, "max": 1_048_576, "pattern": r"[\t\n\r -\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]*"},
    ("sqs", "DelaySeconds"): {"min": 0, "max": 900},
    ("sqs", "VisibilityTimeout"): {"min": 0, "max": 43_200},
    ("sqs", "MaxNumberOfMessages"): {"min": 1, "max": 10},
    ("sqs", "WaitTimeSeconds"): {"min": 0, "max": 20},
    ("sns", "MessageGroupId"): _FIFO_ID,
    ("sns", "MessageDeduplicationId"): _FIFO_ID,
    ("sns", "Id"): _ENTRY_ID,
    ("sns", "PublishBatchRequestEntries"): _BATCH,
    ("sns", "Message"): {"min": 1, "max": 1_048_576},
    ("events", "DetailType"): {"max": 128},
}
