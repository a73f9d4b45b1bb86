"""Starts the emulator behind a check of the models: emulator.py DIRECTORY NAME, with the Python of .local/venv/emulator.

A request that violates its model is answered with 400 and never reaches the emulator. It is also written to
DIRECTORY/violations-NAME.jsonl, because the sender may ignore the answer. DIRECTORY/calls-NAME.jsonl has every other request.
"""

import asyncio
import json
import sys
from pathlib import Path

# At the end of the path, so that the emulator does not import a module of this directory by mistake.
sys.path[0:1] = []
sys.path.append(str(Path(__file__).resolve().parent.parent))

import ministack.app
import ministack.services.lambda_svc as lambda_service
from ministack.core.iam_evaluator import resolve_credential
from ministack.core.responses import _account_from_sts_session, get_account_id
from ministack.services.eventbridge import _put_events

from aws_models.answers import refusal
from aws_models.decode import checked
from aws_models.recording import line
from aws_models.request import Request

# The addresses besides AWS's services: the state of the emulator, and the calls of functions by its CloudFormation.
OWN_PATHS = ("/_ministack/", "/_localstack/", "/health")

# The operation that a Parameter Store Change names. Parameter Store of the emulator reports nothing itself.
PARAMETER_CHANGES = {"PutParameter": "Update", "DeleteParameter": "Delete"}
# Events of AWS come after the answer to the call, and some come twice.
CHANGE_DELAYS = (0.5, 1.0)

ENCRYPTION = "x-amz-server-side-encryption"
ENCRYPTION_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


class Checked:
    """An ASGI application that passes only requests that AWS would accept to another application."""

    def __init__(self, app, directory, name):
        self.app = app
        directory.mkdir(parents=True, exist_ok=True)
        self.calls = open(directory / f"calls-{name}.jsonl", "a", buffering=1)
        self.violations = open(directory / f"violations-{name}.jsonl", "a", buffering=1)
        self.reports = set()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"].startswith(OWN_PATHS):
            return await self.app(scope, receive, send)
        messages = await received(receive)
        request = request_of(scope, messages)
        call = checked(request)
        record = {
            "caller": caller(request),
            "agent": request.headers.get("user-agent"),
            "service": call.service,
            "operation": call.operation,
        }
        if call.problems:
            self.violations.write(line({**record, "problems": call.problems}))
            return await answer(send, *refusal(call))

        with_default_key(scope)

        async def send_and_record(message):
            if message["type"] == "http.response.start":
                self.calls.write(line({**record, "parameters": call.parameters, "status": message["status"]}))
                if message["status"] == 200 and call.operation in PARAMETER_CHANGES:
                    self.report(call)
            await send(message)

        async def receive_again():
            return messages.pop(0) if messages else await receive()

        return await self.app(scope, receive_again, send_and_record)

    def report(self, call):
        """Reports the change of a parameter on the default event bus, late and twice."""
        task = asyncio.create_task(report_change(PARAMETER_CHANGES[call.operation], call.parameters["Name"]))
        # A task without a reference may be collected before it ends.
        self.reports.add(task)
        task.add_done_callback(self.reports.discard)


def with_default_key(scope):
    """Names the account's own key in a request for encryption without a key. S3 takes that key, and the emulator refuses."""
    names = {name.decode().lower(): value for name, value in scope["headers"]}
    if names.get(ENCRYPTION) == b"aws:kms" and ENCRYPTION_KEY not in names:
        scope["headers"] = [*scope["headers"], (ENCRYPTION_KEY.encode(), b"alias/aws/s3")]


async def report_change(operation, name):
    entry = {
        "Source": "aws.ssm",
        "DetailType": "Parameter Store Change",
        "Detail": json.dumps({"operation": operation, "name": name, "type": "SecureString"}),
    }
    for delay in CHANGE_DELAYS:
        await asyncio.sleep(delay)
        _put_events({"Entries": [entry]}, allow_aws_source=True)


async def received(receive):
    """The messages that bring the body, to be read twice."""
    messages = []
    while True:
        messages.append(await receive())
        if messages[-1]["type"] != "http.request" or not messages[-1].get("more_body"):
            return messages


def request_of(scope, messages):
    return Request(
        scope["method"],
        (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0],
        scope.get("query_string", b"").decode("latin-1"),
        {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
        b"".join(message.get("body", b"") for message in messages),
    )


def caller(request):
    """Returns the principal of the access key that signed a request: the role of a function, or root."""
    access_key, _ = request.signer()
    if not access_key:
        return None
    credential = resolve_credential(access_key, _account_from_sts_session(access_key) or get_account_id())
    return getattr(credential, "principal_arn", None)


def with_numbers(respond):
    """Answers with numbers where a template's parameter was one. CloudFormation of the emulator hands them on as texts."""

    def response(mapping):
        scaling = mapping.get("ScalingConfig")
        numbers = {"ScalingConfig": {key: int(value) for key, value in scaling.items()}} if scaling else {}
        return respond({**mapping, **numbers})

    return response


async def answer(send, status, headers, body):
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    program, directory, name = sys.argv
    lambda_service._esm_response = with_numbers(lambda_service._esm_response)
    ministack.app.app = Checked(ministack.app.app, Path(directory), name)
    sys.argv = [program]
    ministack.app.main()
