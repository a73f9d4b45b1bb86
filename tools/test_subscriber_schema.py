#!/usr/bin/env python3
"""Checks that docs/subscriber.schema.json accepts and refuses the same subscribers as the functions, for the same reason.

The cases are those of the functions' own tests. All complaints of the schema must be about the field that the functions name.
Some cases are marked as beyond a schema. The schema refuses what the functions warn of, and no type of docs/payloads.md.
"""

import json
import re

from jsonschema import Draft202012Validator

from template import ROOT, say

SCHEMA = ROOT / "docs/subscriber.schema.json"
CASES = ROOT / "shared/delivery/src/subscriber/parse/cases.json"
EXAMPLES = ROOT / "docs/examples"
PAYLOADS = ROOT / "docs/payloads.md"
# The complaints whose message names the field: one that is missing, and one that is unknown.
NAMED = {"required": re.compile(r"'(.*)' is a required property"), "additionalProperties": re.compile(r"\('(.*)' was unexpected\)")}


def problems():
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for case in json.loads(CASES.read_text()):
        subscriber = json.dumps(case["subscriber"])
        places = [place(error) for error in validator.iter_errors(case["subscriber"])]
        said = case.get("error", case.get("warning"))
        if case.get("schema") == "cannot tell":
            if places:
                yield f"refuses a case that is marked as beyond a schema: {subscriber}"
        elif bool(places) != bool(said):
            yield f"{'refuses' if places else 'accepts'} {subscriber}, about which the functions say {said}"
        elif said and set(places) != {said.split(": ")[0]}:
            yield f"complains about {places} of {subscriber}, about which the functions say {said}"
    for kind in re.findall(r'"type": "([^"]+)"', PAYLOADS.read_text()):
        if any(validator.iter_errors({"target": "cloudfront", "distribution": "E1", "types": [kind]})):
            yield f"refuses {kind}, of which {PAYLOADS.name} has an example"
    for path in sorted(EXAMPLES.glob("*.json")):
        for error in validator.iter_errors(json.loads(path.read_text())):
            yield f"{path.name}: {error.message}"


def place(error):
    """The field that an error is about, as the functions name it: secrets[1], template.text."""
    parts = list(error.absolute_path)
    if error.validator in NAMED:
        parts.append(NAMED[error.validator].search(error.message)[1])
    elif "propertyNames" in error.absolute_schema_path:
        parts.append(error.instance)
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


if __name__ == "__main__":
    say(list(problems()), f"{SCHEMA.name} agrees with the functions on each case and example")
