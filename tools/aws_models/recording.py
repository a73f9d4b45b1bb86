"""Files with one JSON object a line: the calls of a run, its violations, and the requests that tests record.

A line of `calls-*.jsonl`, for each request that reached the emulator and keeps to the model:

    caller      the ARN whose credentials signed it: arn:aws:sts::ACCOUNT:assumed-role/ROLE/FUNCTION for a function,
                arn:aws:iam::ACCOUNT:root for the tests themselves and for SAM; null if the emulator does not know the key
    agent       the user agent: SAM is `Boto3/…`, a function `aws-sdk-rust/…`; the tests themselves have none
    service     botocore's name of the service, such as "sqs" or "cloudwatch"
    operation   such as "SendMessageBatch"
    parameters  by the model's names; bytes are the text that they are in UTF-8, or {"bytes": how many} if they are no text
                or long; timestamps are as they came
    status      the emulator's answer: 403 is a call without permission, or with a wrong signature

A line of `violations-*.jsonl` has caller, agent, service, operation and problems, a list of sentences.
A line of `requests-*.jsonl`, which shared/src/replay/recording.rs writes, has package, test, method, uri, headers, body (base64).
"""

import json

# A longer payload is a function's code or a page of the site, in which nobody looks for a permission.
LONGEST_TEXT = 10_000


def line(record):
    """A record as a line."""
    return json.dumps(record, default=_plain) + "\n"


def _plain(value):
    if isinstance(value, bytes):
        try:
            return value.decode() if len(value) <= LONGEST_TEXT else {"bytes": len(value)}
        except UnicodeDecodeError:
            return {"bytes": len(value)}
    return value.isoformat()
