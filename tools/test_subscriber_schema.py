#!/usr/bin/env python3
"""docs/subscriber.schema.json takes and refuses what the functions do.

The cases are the ones that the functions' own reading is tested with; a case that says so is beyond what a schema can tell.
"""

import json

from jsonschema import Draft202012Validator

from template import ROOT, say

SCHEMA = ROOT / "docs/subscriber.schema.json"
CASES = ROOT / "shared/src/subscriber/parse/cases.json"
EXAMPLES = ROOT / "docs/examples"


def problems():
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for case in json.loads(CASES.read_text()):
        taken = validator.is_valid(case["subscriber"])
        if case.get("schema") == "can't tell":
            if not taken:
                yield f"can tell, although the case says not: {json.dumps(case['subscriber'])}"
        elif taken != ("error" not in case):
            said = "takes" if taken else "refuses"
            yield f"{said} {json.dumps(case['subscriber'])}, whose error is {case.get('error')}"
    for path in sorted(EXAMPLES.glob("*.json")):
        for error in validator.iter_errors(json.loads(path.read_text())):
            yield f"{path.name}: {error.message}"


if __name__ == "__main__":
    say(list(problems()), f"{SCHEMA.name} says of each case and example what the functions say")
