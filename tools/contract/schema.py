"""The JSON Schema of the events, open as receivers use it and closed as the checks do."""

import copy
import json

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .payloads import ROOT

PATH = ROOT / "docs/events.schema.json"


def load():
    schema = json.loads(PATH.read_text())
    Draft202012Validator.check_schema(schema)
    return schema


def events(schema):
    """Returns the names of the definitions of the events, in their order."""
    return [branch["$ref"].rsplit("/", 1)[1] for branch in schema["oneOf"]]


def types(schema):
    """Returns the types that the schema names. Those of other objects are a pattern."""
    kinds = [schema["$defs"][name]["properties"]["type"] for name in events(schema)]
    return [kind for entry in kinds for kind in entry.get("enum", [entry.get("const")]) if kind]


def definition(schema, event):
    """Returns the name of the definition that an event's type belongs to."""
    for name in events(schema):
        kind = schema["$defs"][name]["properties"]["type"]
        if isinstance(event.get("type"), str) and Draft202012Validator(kind).is_valid(event["type"]):
            return name
    return None


def closed(schema):
    """Returns the schema without room for further fields, except where the fields are the site's own.

    The published schema lets further fields pass, because a new version may send them.
    """
    schema = copy.deepcopy(schema)
    for part in (schema, *schema["$defs"].values()):
        close(part, schema)
    return schema


def close(part, schema):
    # A schema at one of these places describes a whole value. A member of allOf and a branch of if describe a part of it.
    wholes = [*part.get("properties", {}).values(), *part.get("oneOf", []), *part.get("anyOf", [])]
    for value in wholes:
        target = schema["$defs"][value["$ref"].rsplit("/", 1)[1]] if "$ref" in value else value
        if "properties" in target:
            value["unevaluatedProperties"] = False
        close(value, schema)


def problem(schema, event):
    """Returns the reason for which the closed schema refuses the event; none when it accepts it."""
    name = definition(schema, event)
    if name is None:
        return f"no event has the type {event.get('type')}"
    # One definition explains better than eight, and a missing field better than the fields that are unexpected for that reason.
    for strictness in (schema, closed(schema)):
        chosen = [branch for branch in strictness["oneOf"] if branch["$ref"].endswith(f"/{name}")]
        error = best_match(Draft202012Validator({**strictness, "oneOf": chosen}).iter_errors(event))
        if error is not None:
            error = max(error.context, key=lambda inner: len(inner.absolute_path), default=error)
            return f"{error.json_path}: {error.message}"
    if event["subject"] != event["partitionkey"]:
        return "$.partitionkey: is not the subject"
    if not Draft202012Validator(schema).is_valid(event):
        return "more than one definition describes it"
    return None
