#!/usr/bin/env python3
"""Breaks requests of each protocol in each way that the models guard against, and expects a problem for it.

Run with the Python of .local/venv/emulator, as `make models` does. botocore itself writes the valid requests.
"""

import copy
import json
import unittest
from urllib.parse import quote, urlencode

from botocore.serialize import create_serializer

from aws_models.answers import refusal
from aws_models.decode import checked
from aws_models.documents import read_cbor
from aws_models.models import protocols, service
from aws_models.patterns import compiled
from aws_models.request import Findings, Request

SIGNING_NAMES = {"cloudwatch": "monitoring"}
BATCH = {"QueueUrl": "https://sqs.example.org/1/a.fifo", "Entries": [{"Id": "one", "MessageBody": "text"}]}
SCHEDULE = {
    "Name": "publish-20261125T0104Z",
    "GroupName": "wagrun",
    "ScheduleExpression": "at(2026-11-25T01:04:00)",
    "FlexibleTimeWindow": {"Mode": "OFF"},
    "State": "ENABLED",
    "StartDate": "2026-11-25T01:04:00Z",
    "Target": {"Arn": "arn:aws:lambda:eu-central-1:111122223333:function:f", "RoleArn": "arn:aws:iam::111122223333:role/r"},
}
STATISTICS = {
    "Namespace": "AWS/RDS",
    "MetricName": "ACUUtilization",
    "StartTime": "2026-11-25T01:04:00Z",
    "EndTime": "2026-11-25T01:05:00Z",
    "Period": 60,
    "Statistics": ["Maximum"],
}
# An operation of each protocol with valid parameters.
VALID_REQUESTS = {
    "json": ("sqs", "SendMessageBatch", BATCH),
    "query": ("sns", "Publish", {"TopicArn": "arn:t", "Message": "m", "MessageAttributes": {"a": {"DataType": "String"}}}),
    "ec2": ("ec2", "CreateTags", {"Resources": ["vpc-1", "vpc-2"], "Tags": [{"Key": "k", "Value": "v"}]}),
    "rest-json": ("scheduler", "CreateSchedule", SCHEDULE),
    "rest-xml": ("s3", "PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "Enabled"}}),
    "smithy-rpc-v2-cbor": ("cloudwatch", "GetMetricStatistics", STATISTICS),
}


def written(name, operation, parameters, protocol=None):
    """Returns the request that botocore makes of parameters, also of invalid ones, with a signature."""
    model = service(name)
    operation = model.operation_model(operation)
    protocol = protocol or model.metadata["protocol"]
    made = create_serializer(protocol, include_validation=False).serialize_to_request(copy.deepcopy(parameters), operation)
    body, query = made["body"], made["query_string"]
    if isinstance(body, dict):
        body = urlencode(body)
    headers = {key.lower(): value for key, value in made["headers"].items()}
    signing_name = SIGNING_NAMES.get(name, name)
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential=key/20261121/eu-central-1/{signing_name}/aws4_request, Signature=0"
    path, _, literal = made["url_path"].partition("?")
    query = "&".join(filter(None, [literal, query if isinstance(query, str) else urlencode(query, doseq=True)]))
    return Request(made["method"], path, query, headers, body.encode() if isinstance(body, str) else body)


class ModelsTest(unittest.TestCase):
    def assert_found(self, request, *sentences):
        problems = "\n".join(checked(request).problems)
        for sentence in sentences:
            self.assertIn(sentence, problems)

    def assert_valid(self, request):
        call = checked(request)
        self.assertEqual([], call.problems)
        return call


class ProtocolsTest(ModelsTest):
    """Each protocol finds the same faults."""

    def broken(self, protocol, **changes):
        name, operation, parameters = VALID_REQUESTS[protocol]
        return written(name, operation, {**copy.deepcopy(parameters), **changes})

    def without(self, protocol, member):
        name, operation, parameters = VALID_REQUESTS[protocol]
        return written(name, operation, {key: value for key, value in parameters.items() if key != member})

    def test_valid_requests_are_read_without_problems(self):
        for protocol, (name, operation, parameters) in VALID_REQUESTS.items():
            with self.subTest(protocol):
                self.assertIn(protocol, protocols(service(name)))
                call = self.assert_valid(written(name, operation, parameters))
                self.assertEqual((name, operation, protocol), (call.service, call.operation, call.protocol))
                read = {key: value for key, value in call.parameters.items() if key not in ("StartTime", "EndTime", "StartDate")}
                self.assertEqual({key: value for key, value in parameters.items() if key in read}, read)
                self.assertEqual(set(parameters), set(call.parameters))

    def test_a_value_that_is_none_of_the_enumeration(self):
        self.assert_found(written("sqs", "ListQueueTags", {}), "QueueUrl is missing")
        attributes = {"QueueUrl": "q", "AttributeNames": ["Everything"]}
        self.assert_found(written("sqs", "GetQueueAttributes", attributes), "AttributeNames[0] is 'Everything', which is none of All")
        update = {"AccessKeyId": "A" * 20, "Status": "Sleeping"}
        self.assert_found(written("iam", "UpdateAccessKey", update), "Status is 'Sleeping', which is none of Active")
        instance = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "InstanceInitiatedShutdownBehavior": "explode"}
        self.assert_found(written("ec2", "RunInstances", instance), "InstanceInitiatedShutdownBehavior is 'explode'")
        self.assert_found(self.broken("rest-json", State="ON"), "State is 'ON', which is none of DISABLED, ENABLED")
        window = {"Mode": "SOMETIMES"}
        self.assert_found(self.broken("rest-json", FlexibleTimeWindow=window), "FlexibleTimeWindow.Mode is 'SOMETIMES'")
        versioning = {"Status": "On"}
        self.assert_found(self.broken("rest-xml", VersioningConfiguration=versioning), "VersioningConfiguration.Status is 'On'")
        self.assert_found(self.broken("smithy-rpc-v2-cbor", Unit="Minute"), "Unit is 'Minute', which is none of Bits")

    def test_a_required_member_that_is_missing(self):
        self.assert_found(self.without("json", "QueueUrl"), "sqs SendMessageBatch: QueueUrl is missing")
        self.assert_found(self.broken("json", Entries=[{"Id": "a"}]), "Entries[0].MessageBody is missing")
        self.assert_found(self.without("query", "Message"), "Message is missing")
        self.assert_found(self.broken("query", MessageAttributes={"a": {"StringValue": "x"}}), "MessageAttributes[a].DataType is missing")
        self.assert_found(self.without("ec2", "Tags"), "Tags is missing")
        self.assert_found(self.without("rest-json", "Target"), "Target is missing")
        self.assert_found(self.without("rest-xml", "VersioningConfiguration"), "VersioningConfiguration is missing")
        self.assert_found(self.without("smithy-rpc-v2-cbor", "Period"), "Period is missing")

    def test_a_misspelt_member(self):
        for protocol, right, wrong in [
            ("json", b'"MessageBody"', b'"MessageBdy"'),
            ("query", b"MessageAttributes.entry.1.Value.DataType", b"MessageAttributes.entry.1.Value.DatType"),
            ("ec2", b"Tag.1.Value", b"Tag.1.Vaule"),
            ("rest-json", b'"ScheduleExpression"', b'"ScheduleExpresion"'),
            ("rest-xml", b"Status>", b"Statsu>"),
            ("smithy-rpc-v2-cbor", b"Namespace", b"Namespcae"),
        ]:
            with self.subTest(protocol):
                request = self.broken(protocol)
                self.assertIn(right, request.body)
                request.body = request.body.replace(right, wrong)
                name = wrong.strip(b'">').decode().rpartition(".")[2]
                self.assert_found(request, f"{name} is not a member of")

    def test_a_value_that_is_too_long(self):
        self.assert_found(written("ssm", "GetParameter", {"Name": ""}), "Name has 0 characters, fewer than 1")
        self.assert_found(self.broken("rest-json", Name="n" * 65), "Name has 65 characters, more than 64")
        self.assert_found(written("iam", "GetRole", {"RoleName": "r" * 65}), "RoleName has 65 characters, more than 64")
        self.assert_found(self.broken("smithy-rpc-v2-cbor", Statistics=[]), "Statistics has 0 elements, fewer than 1")
        self.assert_found(self.broken("smithy-rpc-v2-cbor", MetricName="m" * 256), "MetricName has 256 characters, more than 255")
        objects = {"Bucket": "b", "Delete": {"Objects": [{"Key": ""}]}}
        self.assert_found(written("s3", "DeleteObjects", objects), "Delete.Objects[0].Key has 0 characters, fewer than 1")

    def test_a_number_out_of_its_range(self):
        self.assert_found(self.broken("smithy-rpc-v2-cbor", Period=0), "Period is 0, less than 1")
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}
        self.assert_found(self.broken("rest-json", FlexibleTimeWindow=window), "MaximumWindowInMinutes is 1441, more than 1440")
        self.assert_found(written("logs", "DescribeLogGroups", {"limit": 51}), "limit is 51, more than 50")

    def test_a_broken_pattern(self):
        self.assert_found(self.broken("rest-json", Name="a b"), "Name is 'a b', which is not of the form")
        self.assert_found(written("iam", "GetRole", {"RoleName": "a b"}), "RoleName is 'a b', which is not of the form")
        self.assert_found(self.broken("smithy-rpc-v2-cbor", Namespace=":a"), "Namespace is ':a', which is not of the form")
        stream = {"logGroupName": "a b"}
        self.assert_found(written("logs", "CreateLogGroup", stream), "logGroupName is 'a b', which is not of the form")

    def test_a_value_of_another_type(self):
        request = self.broken("json")
        request.body = request.body.replace(b'"one"', b"1")
        self.assert_found(request, "Entries[0].Id is 1, where String is a string")
        self.assert_found(written("lambda", "ListFunctions", {"MaxItems": "many"}), "MaxItems is 'many', which is not of the type integer")
        request = self.broken("smithy-rpc-v2-cbor")
        request.body = request.body.replace(b"Period\x18\x3c", b"Period\x61a")
        self.assert_found(request, "Period is 'a', where Period is a integer")


class FormTest(ModelsTest):
    """The parts of a request that the protocols require besides the parameters."""

    def test_an_unknown_service(self):
        request = written("sqs", "ListQueues", {})
        request.headers["authorization"] = request.headers["authorization"].replace("/sqs/", "/sqqs/")
        self.assert_found(request, "is signed for sqqs")
        del request.headers["authorization"]
        self.assert_found(request, "is not signed")

    def test_an_operation_that_the_service_does_not_have(self):
        request = written("sqs", "ListQueues", {})
        request.headers["x-amz-target"] = "AmazonSQS.ListQueue"
        self.assert_found(request, "names the operation ListQueue")
        request.headers["x-amz-target"] = "AmazonSNS.ListQueues"
        self.assert_found(request, "header x-amz-target begins with AmazonSNS")
        request = written("lambda", "GetFunction", {"FunctionName": "f"})
        request.path = "/2015-03-31/function/f"
        self.assert_found(request, "is GET /2015-03-31/function/f, which is no operation of lambda")
        request = written("lambda", "GetFunction", {"FunctionName": "f"})
        request.method = "PATCH"
        self.assert_found(request, "which is no operation of lambda")

    def test_versions_and_content_types(self):
        request = written("sqs", "ListQueues", {})
        request.headers["content-type"] = "application/x-amz-json-1.1"
        self.assert_found(request, "content-type is application/x-amz-json-1.1, not application/x-amz-json-1.0")
        request = written("sns", "ListTopics", {})
        request.body = request.body.replace(b"2010-03-31", b"2010-03-13")
        self.assert_found(request, "Version is 2010-03-13, not 2010-03-31")

    def test_the_query_string_and_the_headers(self):
        invoke = {"FunctionName": "f", "InvocationType": "Event", "Qualifier": "live", "Payload": b"{}"}
        call = self.assert_valid(written("lambda", "Invoke", invoke))
        self.assertEqual(invoke, call.parameters)
        self.assert_found(written("lambda", "Invoke", {**invoke, "InvocationType": "Soon"}), "InvocationType is 'Soon'")
        request = written("lambda", "Invoke", invoke)
        request.query = request.query.replace("Qualifier", "Qualifer")
        self.assert_found(request, "?Qualifer is not a parameter of Invoke")
        request = written("lambda", "Invoke", invoke)
        request.headers["x-amz-invocation-typ"] = request.headers.pop("x-amz-invocation-type")
        self.assert_found(request, "header x-amz-invocation-typ is known to no member")

    def test_operations_on_one_path(self):
        key = {"Bucket": "b", "Key": "a/ä"}
        part = {**key, "PartNumber": 1, "UploadId": "u"}
        for operation, parameters in [
            ("PutObject", {**key, "Metadata": {"page": "5"}}),
            ("CopyObject", {**key, "CopySource": "b/c"}),
            ("UploadPart", part),
            ("ListObjects", {"Bucket": "b"}),
            ("ListObjectsV2", {"Bucket": "b", "Prefix": "a/"}),
            ("DeleteBucketPolicy", {"Bucket": "b"}),
            ("GetObjectTagging", key),
        ]:
            request = written("s3", operation, parameters)
            request.path = quote(request.path, safe="/%")
            self.assertEqual(operation, self.assert_valid(request).operation)

    def test_timestamps(self):
        self.assert_valid(written("logs", "FilterLogEvents", {"logGroupName": "g", "startTime": 1}))
        request = written("scheduler", "CreateSchedule", SCHEDULE)
        body = json.loads(request.body)
        body["StartDate"] = "tomorrow"
        request.body = json.dumps(body).encode()
        self.assert_found(request, "StartDate is 'tomorrow', which is not a timestamp of the form unixTimestamp")
        request = written("cloudwatch", "GetMetricStatistics", STATISTICS, "query")
        self.assert_valid(request)
        request.body = request.body.replace(b"2026-11-25T01%3A04", b"2026-11-35T01%3A04")
        self.assert_found(request, "StartTime is '2026-11-35T01:04:00Z', which is not a timestamp of the form iso8601")

    def test_lists_that_are_not_numbered_from_one(self):
        request = written("ec2", "CreateTags", VALID_REQUESTS["ec2"][2])
        request.body = request.body.replace(b"ResourceId.2", b"ResourceId.3")
        self.assert_found(request, "not numbered from 1")

    def test_a_union_has_one_member(self):
        both = {"SaslScram512Auth": "arn:aws:secretsmanager:a", "ClientCertificateTlsAuth": "arn:aws:secretsmanager:b"}
        source = {"ManagedStreamingKafkaParameters": {"TopicName": "t", "Credentials": both}}
        pipe = {"Name": "p", "Source": "s", "Target": "t", "RoleArn": "r", "SourceParameters": source}
        sentence = "has 2 of the members of MSKAccessCredentials, of which exactly one is set"
        self.assert_found(written("pipes", "CreatePipe", pipe), sentence)

    def test_what_the_models_only_say_in_words(self):
        message = {"Id": "a", "MessageBody": "b", "MessageGroupId": "cdn page", "MessageDeduplicationId": "d" * 129}
        entries = {"QueueUrl": "q", "Entries": [message, {**message, "MessageBody": "\0"}]}
        self.assert_found(
            written("sqs", "SendMessageBatch", entries),
            "Entries[0].MessageGroupId is 'cdn page', which is not of the form",
            "Entries[0].MessageDeduplicationId has 129 characters, more than 128",
            "Entries[1].MessageBody is '\\x00', which is not of the form",
            "Entries has elements with the same Id",
        )
        hide = {"QueueUrl": "q", "ReceiptHandle": "r", "VisibilityTimeout": 43_201}
        self.assert_found(written("sqs", "ChangeMessageVisibility", hide), "VisibilityTimeout is 43201, more than 43200")

    def test_secrets_are_not_shown(self):
        parameter = {"Name": "/a", "Value": "secret" * 2000, "Type": "Sequre"}
        self.assertNotIn("secret", str(checked(written("ssm", "PutParameter", parameter)).problems))

    def test_patterns_of_java(self):
        self.assertTrue(compiled(r"[\p{L}\p{N}]+").fullmatch("ä1"))
        self.assertTrue(compiled(r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*").fullmatch("a😀"))
        self.assertIsNone(compiled("(["))


class AnswersTest(ModelsTest):
    def test_a_refusal_says_why_in_the_protocol(self):
        for protocol, (name, operation, parameters) in VALID_REQUESTS.items():
            with self.subTest(protocol):
                request = written(name, operation, parameters)
                request.method = "TRACE"
                request.query = "" if protocol.startswith("rest") else request.query
                call = checked(request)
                status, headers, body = refusal(call)
                self.assertEqual((400, str(len(body))), (status, headers["content-length"]))
                if protocol == "smithy-rpc-v2-cbor":
                    said = read_cbor(body, Findings())
                    self.assertEqual({"__type": "ValidationException", "message": call.problems[0]}, said)
                else:
                    self.assertIn(b"ValidationException", body)
                    self.assertIn(call.problems[0].encode(), body)


if __name__ == "__main__":
    unittest.main()
