"""Compiles docs/types against the payloads, and runs the examples that use the types with them."""

import json
import shutil
import tempfile
from pathlib import Path

from . import schema as schemas
from .generated import NODE, PYTHON, TYPES, run
from .payloads import ROOT

TSC = ROOT / ".local/npm/contract/node_modules/typescript/bin/tsc"
# One program for each language: it hands over every event, and prints the addresses after each of them.
RUN_TYPESCRIPT = """
import { readFileSync } from "node:fs";
import { PublicPages } from "./receiver.js";
const pages = new PublicPages();
const seen = JSON.parse(readFileSync(0, "utf8")).map((event) => (pages.handle(event), pages.addresses()));
console.log(JSON.stringify(seen));
"""
RUN_PYTHON = """
import json, sys
from receiver import PublicPages
pages, seen = PublicPages(), []
for event in json.load(sys.stdin):
    pages.handle(event)
    seen.append(pages.addresses())
print(json.dumps(seen))
"""


def problems(schema, events, types=TYPES):
    """Yields each fault of the types, or of the examples that use them. `types` is the directory of both."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for name in ("events.ts", "events.py", "receiver.ts", "receiver.py"):
            shutil.copy(types / name, folder)
        (folder / "payloads.ts").write_text(typescript_constants(schema, events))
        (folder / "payloads.py").write_text(python_constants(schema, events))
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "run.js").write_text(RUN_TYPESCRIPT)
        sent = json.dumps([event for _, event in events])
        outputs = []
        for compiled, program in (
            ([NODE, TSC, "--strict", "--target", "es2022", "--module", "nodenext", "receiver.ts", "payloads.ts"], [NODE, "run.js"]),
            ([PYTHON, "-m", "mypy", "--strict", "--cache-dir", "cache", "receiver.py", "payloads.py"], [PYTHON, "-c", RUN_PYTHON]),
        ):
            try:
                run(compiled, cwd=folder)
                outputs.append(json.loads(run(program, cwd=folder, input=sent)))
            except RuntimeError as error:
                yield str(error)
    if len(outputs) == 2:
        yield from wrong(events, *outputs)


def wrong(events, typescript, python):
    """Yields each event after which an example did not know the addresses that the public can see."""
    expected, sequences = {}, {}
    for (place, event), *found in zip(events, typescript, python, strict=True):
        page, data = event["subject"], event["data"]
        is_old = event["sequence"] <= sequences.get(page, "")
        if event["type"].startswith("wagtail.page.") and event["type"].split(".")[-1] not in ("created", "updated") and not is_old:
            sequences[page] = event["sequence"]
            expected[page] = data["urls"] if data["live"] and data["visible_to"] == "public" else []
        addresses = sorted(url for urls in expected.values() for url in urls)
        if found != [addresses, addresses]:
            yield f"after {place} an example knows {found}, not {addresses}"


def typescript_constants(schema, events):
    names = [schemas.definition(schema, event) for _, event in events]
    lines = [f'import type {{ {", ".join(sorted(set(names)))} }} from "./events.js";']
    for number, (name, (_, event)) in enumerate(zip(names, events, strict=True)):
        lines.append(f"export const payload{number}: {name} = {json.dumps(event)};")
    return "\n".join(lines)


def python_constants(schema, events):
    names = [schemas.definition(schema, event) for _, event in events]
    lines = ["from events import " + ", ".join(sorted(set(names)))]
    for number, (name, (_, event)) in enumerate(zip(names, events, strict=True)):
        lines.append(f"payload{number}: {name} = {event!r}")
    return "\n".join(lines)
