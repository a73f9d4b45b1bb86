#!/usr/bin/env python3
"""Checks the contract of the events: tools/check_contract.py [--write]

- docs/events.schema.json describes every payload that the documents show. Those are really sent (tests/e2e/tests/payloads.rs).
- docs/asyncapi.yaml is valid AsyncAPI 3, and describes the same payloads.
- docs/types/events.ts and events.py are generated from the schema (`--write` does so), and have the payloads as values.
- The examples beside them compile, and know the addresses that the public can see.

Runs with the Python of .local/venv/contract.
"""

import json
import sys

from jsonschema import Draft7Validator

from contract import generated, receivers, schema as schemas
from contract.generated import NODE
from contract.payloads import ROOT, documented


def main(arguments):
    if arguments == ["--write"]:
        generated.write(schemas.PATH)
    elif arguments:
        sys.exit(__doc__)
    found = list(problems())
    print("\n".join(found) or "the contract of the events holds for every documented payload", file=sys.stderr)
    return 1 if found else 0


def problems():
    schema, events = schemas.load(), documented()
    unlike = list(refused(schema, events))
    if unlike:
        # The rest would say the same at greater length.
        yield from unlike
        return
    shown = {event["type"] for _, event in events}
    yield from (f"the schema has the type {kind}, which no document shows" for kind in schemas.types(schema) if kind not in shown)
    yield from asyncapi(schema, events)
    yield from generated.outdated(schemas.PATH)
    yield from receivers.problems(schema, events)


def refused(schema, events):
    for place, event in events:
        problem = schemas.problem(schema, event)
        if problem:
            yield f"{place}: {problem}"


def asyncapi(schema, events, document=ROOT / "docs/asyncapi.yaml"):
    read = json.loads(generated.run([NODE, ROOT / "tools/contract/asyncapi.mjs", document]))
    yield from (f"{document.name}: {complaint}" for complaint in read["complaints"])
    unused = set(read["schemas"])
    for place, event in events:
        name = (schemas.definition(schema, event) or "").removesuffix("Event")
        message = name[:1].lower() + name[1:]
        unused.discard(message)
        # AsyncAPI extends the JSON Schema of draft 7, and ignores what is newer.
        if not Draft7Validator(read["schemas"].get(message, False)).is_valid(event):
            yield f"{document.name}: the message {message!r} does not describe {place}"
    yield from (f"{document.name}: no payload is the message {name!r}" for name in sorted(unused))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
