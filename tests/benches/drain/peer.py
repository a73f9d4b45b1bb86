"""A drainer of a plain outbox in Python, for comparison. It keeps its connection, and publishes to a FIFO topic ten events at a time.

It has none of wagrun's promises but two: nothing is lost, and the events of an object are published in order.
"""

import json
import os

import boto3
import psycopg

CLAIM = "delete from plain.outbox where id in (select id from plain.outbox order by id limit 500) returning id, object, old, new"

sns = boto3.client("sns")
topic = os.environ["TOPIC_ARN"]
connection = psycopg.connect(
    host=os.environ["DATABASE_HOST"],
    port=os.environ["DATABASE_PORT"],
    dbname=os.environ["DATABASE_NAME"],
    user=os.environ["DATABASE_USER"],
)


def handler(event, context):
    published = 0
    while True:
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(1)")
            changes = sorted(connection.execute(CLAIM).fetchall())
            for start in range(0, len(changes), 10):
                publish(changes[start : start + 10])
        published += len(changes)
        if len(changes) < 500:
            return {"published": published}


def publish(changes):
    entries = [
        {
            "Id": str(number),
            "Message": json.dumps({"id": change, "object": name, "before": old, "after": new}),
            "MessageGroupId": name,
            "MessageDeduplicationId": str(change),
            "MessageAttributes": {"object": {"DataType": "String", "StringValue": name}},
        }
        for number, (change, name, old, new) in enumerate(changes)
    ]
    failed = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries).get("Failed")
    if failed:
        raise RuntimeError(failed)
