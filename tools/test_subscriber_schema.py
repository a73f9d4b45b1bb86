#!/usr/bin/env python3
"""Checks that docs/subscriber.schema.json accepts and refuses the same subscribers as the functions.

The cases are those of the functions' own tests. Some cases are marked as beyond a schema.
"""

import json

from jsonschema import Draft202012Validator

from template import ROOT, say

SCHEMA = ROOT / "docs/subscriber.schema.json"
CASES = ROOT / "shared/delivery/src/subscriber/parse/cases.json"
EXAMPLES = ROOT / "docs/examples"


def problems():
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for case in json.loads(CASES.read_text()):
        accepted = validator.is_valid(case["subscriber"])
        if case.get("schema") == "can't tell":
            if not accepted:
                yield f"refuses a case that is marked as beyond a schema: {json.dumps(case['subscriber'])}"
        elif accepted != ("error" not in case):
            said = "accepts" if accepted else "refuses"
            yield f"{said} {json.dumps(case['subscriber'])}, whose error is {case.get('error')}"
    for path in sorted(EXAMPLES.glob("*.json")):
        for error in validator.iter_errors(json.loads(path.read_text())):
            yield f"{path.name}: {error.message}"


if __name__ == "__main__":
    say(list(problems()), f"{SCHEMA.name} agrees with the functions on each case and example")
