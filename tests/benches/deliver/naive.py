"""A minimal consumer of the delivery queue in Python, for comparison: one delivery at a time, signed with the library of
Standard Webhooks. It reads its subscribers once. It has no retries, no filters and no order of its own.
"""

import http.client
import json
import os
import urllib.request
from datetime import datetime, timezone

from standardwebhooks.webhooks import Webhook


def subscribers():
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL"],
        data=json.dumps({"Path": os.environ["SUBSCRIBERS_PATH"]}).encode(),
        headers={"X-Amz-Target": "AmazonSSM.GetParametersByPath"},
    )
    with urllib.request.urlopen(request) as answer:
        found = json.load(answer)["Parameters"]
    return {one["Name"].rsplit("/", 1)[1]: json.loads(one["Value"]) for one in found}


def deliver(known, body):
    delivery = json.loads(body)
    subscriber, event = known[delivery["subscriber"]], delivery["event"]
    payload, now = json.dumps(event), datetime.now(timezone.utc)
    request = urllib.request.Request(
        subscriber["url"],
        data=payload.encode(),
        headers={
            "Content-Type": "application/cloudevents+json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(subscriber["secrets"][0]).sign(event["id"], now, payload),
        },
    )
    with urllib.request.urlopen(request, timeout=15):
        pass


def main():
    known = subscribers()
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    path = "/2018-06-01/runtime/invocation"
    while True:
        runtime.request("GET", f"{path}/next")
        invocation = runtime.getresponse()
        batch, request_id = json.load(invocation), invocation.headers["lambda-runtime-aws-request-id"]
        failures = []
        for record in batch["Records"]:
            try:
                deliver(known, record["body"])
            except OSError as error:
                print(json.dumps({"level": "ERROR", "error": str(error)}))
                failures.append({"itemIdentifier": record["messageId"]})
        answer = json.dumps({"batchItemFailures": failures})
        runtime.request("POST", f"{path}/{request_id}/response", answer)
        runtime.getresponse().read()


if __name__ == "__main__":
    main()
