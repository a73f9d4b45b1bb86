"""Files with one JSON object a line: the calls of a run, its violations, and the requests that tests record.

A line of `calls-*.jsonl`, for each request that reached the emulator and conforms to the model:

    caller      the ARN whose credentials signed it: arn:aws:sts::ACCOUNT:assumed-role/ROLE/FUNCTION for a function,
                arn:aws:iam::ACCOUNT:root for the tests themselves and for SAM; null if the emulator does not know the key
    agent       the user agent: SAM is `Boto3/…`, a function `aws-sdk-rust/…`; the tests themselves have none
    service     botocore's name of the service, such as "sqs" or "cloudwatch"
    operation   such as "SendMessageBatch"
    parameters  by the model's names; bytes are a text in UTF-8, or {"bytes": number} if they are not a text
                or long; timestamps are as they came
    status      the emulator's answer: 403 is a call without permission, or with a wrong signature

A line of `violations-*.jsonl` has caller, agent, service, operation and problems, a list of sentences.
A line of `requests-*.jsonl`, which tests/testing/src/replay/recording.rs writes, has package, test, method, uri, headers, body
(base64).
"""

import base64
import json
from urllib.parse import urlsplit

from .request import Request

# A longer payload is the code of a function or a page of the site, which no check reads.
MAX_TEXT_LENGTH = 10_000


def records(directory, kind):
    """Yields each record of the files of one kind: calls, violations or requests."""
    for path in sorted(directory.glob(f"{kind}-*.jsonl")):
        with path.open() as file:
            yield from map(json.loads, file)


def request_of(record):
    """Returns a recorded request. Its path begins with the bucket, also if the client has the bucket in the name of the
    host.
    """
    uri = urlsplit(record["uri"])
    bucket, dot, _ = (uri.hostname or "").partition(".s3.")
    path = f"/{bucket}{uri.path}" if dot else uri.path
    return Request(record["method"], path, uri.query, record["headers"], base64.b64decode(record["body"]))


def line(record):
    """Returns a record as a line."""
    return json.dumps(record, default=_plain) + "\n"


def _plain(value):
    if isinstance(value, bytes):
        try:
            return value.decode() if len(value) <= MAX_TEXT_LENGTH else {"bytes": len(value)}
        except UnicodeDecodeError:
            return {"bytes": len(value)}
    return value.isoformat()
