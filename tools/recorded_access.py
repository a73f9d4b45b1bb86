#!/usr/bin/env python3
"""Evaluates the roles' policies for what the functions have called in the tests: recorded_access.py DIRECTORY

The emulator asks for permissions too, and is wrong about some: a batch, a path of parameters and a schedule in a group are
allowed there by hand (tests/src/deployment.rs). Here each recorded call must be allowed by the template's own policies, as AWS
evaluates them, and the same call to another account, region or stack must be denied.

An operation that tools/access/operations.py does not know is a fault, and so is a recording without calls.
"""

import sys
from collections import Counter
from pathlib import Path

from access.calls import table
from access.expectations import judge
from access.recorded import Recording, calls
from template import TEMPLATE, load, say, translate, unfold


def problems(translated, recordings):
    """The sentences about what is wrong, the requests with their answers, and how many calls each role made."""
    sentences, expectations, counts = [], [], Counter()
    for lines in recordings:
        recording = Recording(translated, lines, table())
        expectations += recording.expectations()
        sentences += recording.problems
        counts.update(recording.counts)
    if not counts:
        sentences.append("no call of a function was recorded")
    complaints, pairs = judge(expectations)
    return list(dict.fromkeys([*sentences, *complaints])), pairs, counts


def main(directory):
    translated = translate(unfold(load(TEMPLATE.read_text())), {})
    found, pairs, counts = problems(translated, calls(Path(directory)))
    for role, count in sorted(counts.items()):
        print(f"{role} made {count} calls")
    allowed = sum(expectation.allowed for expectation, _ in pairs)
    say(
        found,
        f"{counts.total()} recorded calls: {allowed} different ones are allowed, {len(pairs) - allowed} beside them are denied",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tools/recorded_access.py DIRECTORY")
    sys.exit(main(sys.argv[1]))
