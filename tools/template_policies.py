#!/usr/bin/env python3
"""Compares what the functions call with what their roles allow: a call without permission fails, and so does the reverse.

The calls are read from the Rust source: methods without arguments that are named like an operation of a service whose SDK
the same file uses. What Lambda itself does in the role's name (logs, event sources, failure destinations) follows from the
template.
"""

import re
import sys

import botocore.session
from botocore import xform_name

from template import ROOT, TEMPLATE, load, say, walk
from template_rules import functions, statements, target

# Operations whose permission is called otherwise.
PERMISSIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
# What else an operation needs, because it hands a role on or does something more in the caller's name.
BESIDES = {
    "apprunner:UpdateService": {"iam:PassRole"},
    "ecs:UpdateExpressGatewayService": {"ecs:RegisterTaskDefinition", "iam:PassRole"},
}
# What a feature of the library crate adds, by the folder or file that it switches on.
FEATURES = {"database": ("database", "outbox", "schema"), "subscribers": ("subscriber", "delivery.rs", "partial_batch.rs", "fifo.rs")}
FUNCTIONS = {
    "ContentEvents": "content-events",
    "FanOut": "fan-out",
    "Deliver": "deliver",
    "Migrate": "migrate",
    "Release": "release",
    "CustomDomain": "custom-domain",
}


def crate(name):
    """The folder in functions/ that a function of the template is built from."""
    return FUNCTIONS[re.sub(r"(Image)?Function$", "", name)]


def sources(folder):
    """The text of each file of a crate, without its tests."""
    files = [folder] if folder.is_file() else sorted(folder.rglob("*.rs"))
    return [path.read_text().split("#[cfg(test)]")[0] for path in files if "test" not in path.stem]


def code(name):
    """What a function is made of: its own sources, those of the library that it asks for, and its manifest."""
    folder = ROOT / "functions" / name
    manifest = (folder / "Cargo.toml").read_text()
    asked = re.search(r"^wagrun = .*features = \[([^]]*)\]", manifest, re.M)
    features = re.findall(r'"([a-z]+)"', asked[1]) if asked else []
    parts = [ROOT / "shared/src" / part for feature in features for part in FEATURES.get(feature, ())]
    return [text for part in [folder / "src", *parts] for text in sources(part)], features


def calls(files, features):
    """The permissions that this code needs."""
    needed, session = set(), botocore.session.get_session()
    for rust in files:
        for service in set(re.findall(r"\baws_sdk_([a-z0-9]+)\b", rust)):
            for operation in session.get_service_model(service).operation_names:
                if re.search(rf"\.{xform_name(operation)}\(\)", rust):
                    permission = f"{service}:{operation}"
                    needed.add(PERMISSIONS.get(permission, permission))
                    needed |= BESIDES.get(permission, set())
    if "database" in features:
        needed.add("rds-db:connect")
    return needed


def platform(properties):
    """The permissions that Lambda needs in the function's name."""
    needed = {"logs:CreateLogStream", "logs:PutLogEvents"}
    if any(event["Type"] == "SQS" for event in properties.get("Events", {}).values()):
        needed |= {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    for destination in properties.get("EventInvokeConfig", {}).get("DestinationConfig", {}).values():
        needed.add({"SQS": "sqs:SendMessage", "EventBridge": "events:PutEvents"}[destination["Type"]])
    if properties.get("Tracing"):
        needed |= {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
    return needed


def allowed(template, role):
    """The actions that the role's own policies allow, whatever the conditions."""
    resource = {"Resources": {role: template["Resources"][role]["Properties"].get("Policies", [])}}
    actions = set()
    for _, statement in statements(resource):
        if statement["Effect"] == "Allow":
            actions |= {action for _, action in walk(statement["Action"]) if isinstance(action, str)}
    return actions


def differences(template, read=code):
    """Each call without a permission and each permission without a call, as a sentence."""
    uses = {}
    for name, properties in functions(template):
        needed = calls(*read(crate(name))) | platform(properties)
        role = target(properties["Role"])
        for permission in sorted(needed - allowed(template, role)):
            yield f"{name} needs {permission}, which its role does not allow"
        uses.setdefault(role, []).append((name, needed))
    # Two functions, of which a condition leaves one, may share a role.
    for role, users in uses.items():
        needed = set.union(*(needed for _, needed in users))
        for permission in sorted(allowed(template, role) - needed):
            yield f"{users[0][0]} may {permission}, which nothing in its code calls"


def main():
    template = load(TEMPLATE.read_text())
    say(list(differences(template)), "every call has its permission, and every permission its call")


if __name__ == "__main__":
    sys.exit(main())
