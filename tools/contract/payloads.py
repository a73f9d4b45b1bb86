"""Finds the payloads that the documents show. A test compares those with the events that are really sent."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = ("payloads.md", "events.md", "webhooks.md")
# The test event has no place in the documents. A test of tools/wagrun compares this file with it.
TEST_EVENT = ROOT / "tools/wagrun/src/subscribers/test-event.json"
BLOCK = re.compile(r"<!-- payload: (\S+) -->\n```json\n(.*?)```\n<!-- /payload -->", re.S)


def documented():
    """Returns the events as pairs of their place and their content."""
    found = []
    for name in DOCUMENTS:
        blocks = BLOCK.findall((ROOT / "docs" / name).read_text())
        if not blocks:
            raise SystemExit(f"docs/{name} has no payload")
        found += [(f"docs/{name}, {title}", json.loads(text)) for title, text in blocks]
    found.append((str(TEST_EVENT.relative_to(ROOT)), json.loads(TEST_EVENT.read_text())))
    return found
