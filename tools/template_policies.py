#!/usr/bin/env python3
"""Compares what the functions call with what their roles allow: a call without permission fails, and so does the reverse.

The calls are read from the Rust source: methods without arguments that are named like an operation of a service whose SDK
the function uses. What Lambda itself does in the role's name (logs, event sources, failure destinations) follows from the
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
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
# SDKs whose name is not that of their service's permissions.
SERVICES = {"eventbridge": "events"}
# What a feature of the library crate adds, by the folder or file that it switches on.
FEATURES = {"database": ("database.rs", "outbox", "schema.rs"), "subscribers": ("subscriber", "delivery.rs", "partial_batch.rs", "fifo.rs")}
FUNCTIONS = {"ContentEvents": "content-events", "FanOut": "fan-out", "Deliver": "deliver", "Migrate": "migrate"}


def crate(name):
    """The folder in functions/ that a function of the template is built from."""
    return FUNCTIONS[re.sub(r"(Image)?Function$", "", name)]


def sources(folder):
    """The text of a crate, without its tests."""
    files = [folder] if folder.is_file() else sorted(folder.rglob("*.rs"))
    return "\n".join(path.read_text().split("#[cfg(test)]")[0] for path in files if "test" not in path.stem)


def code(name):
    """What a function is made of: its own sources, those of the library that it asks for, and its manifest."""
    folder = ROOT / "functions" / name
    manifest = (folder / "Cargo.toml").read_text()
    asked = re.search(r"^wagrun = .*features = \[([^]]*)\]", manifest, re.M)
    features = re.findall(r'"([a-z]+)"', asked[1]) if asked else []
    shared = [sources(ROOT / "shared/src" / part) for feature in features for part in FEATURES.get(feature, ())]
    return "\n".join([sources(folder / "src"), *shared]), features


def calls(rust, features):
    """The permissions that this code needs."""
    needed, session = set(), botocore.session.get_session()
    for sdk in set(re.findall(r"\baws_sdk_([a-z0-9]+)\b", rust)):
        service = SERVICES.get(sdk, sdk)
        for operation in session.get_service_model(service).operation_names:
            if re.search(rf"\.{xform_name(operation)}\(\)", rust):
                permission = f"{service}:{operation}"
                needed.add(PERMISSIONS.get(permission, permission))
    if "database" in features:
        needed.add("rds-db:connect")
    return needed


def platform(properties):
    """The permissions that Lambda needs in the function's name."""
    needed = {"logs:CreateLogStream", "logs:PutLogEvents"}
    if any(event["Type"] == "SQS" for event in properties.get("Events", {}).values()):
        needed |= {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    if properties.get("EventInvokeConfig", {}).get("DestinationConfig", {}).get("OnFailure", {}).get("Type") == "SQS":
        needed.add("sqs:SendMessage")
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
    for name, properties in functions(template):
        needed = calls(*read(crate(name))) | platform(properties)
        given = allowed(template, target(properties["Role"]))
        for permission in sorted(needed - given):
            yield f"{name} needs {permission}, which its role does not allow"
        for permission in sorted(given - needed):
            yield f"{name} may {permission}, which nothing in its code calls"


def main():
    template = load(TEMPLATE.read_text())
    say(list(differences(template)), "every call has its permission, and every permission its call")


if __name__ == "__main__":
    sys.exit(main())
