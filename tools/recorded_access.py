#!/usr/bin/env python3
"""Compares the calls that the tests have recorded with the policies of the functions' roles: recorded_access.py DIRECTORY

- Each call to the emulator must be allowed by the template's own policies, as AWS evaluates them. The same call to another
  account, region or stack must be denied. The emulator checks permissions too, but it is wrong about some: batches, paths of
  parameters and schedules in a group. The local stack allows these by hand.
- Each call of a test that answers the SDK itself must be an action that the role of the function allows.
- Each action that the role of a function allows must be called in one of the two ways.

An operation that tools/access/operations.py does not know is reported, and so is a recording without calls.
"""

import sys
from collections import Counter
from pathlib import Path

from access.calls import table
from access.coverage import differences, packages
from access.expectations import evaluate_all
from access.recorded import Recording, calls
from access.replayed import replayed
from template import TEMPLATE, load, say, translate, unfold


def problems(translated, recordings):
    """Evaluates the calls to the emulators.

    Returns sentences about the problems, the evaluated expectations with their answers, and the number of calls by role.
    """
    sentences, expectations, counts = [], [], Counter()
    for lines in recordings:
        recording = Recording(translated, lines, table())
        expectations += recording.expectations()
        sentences += recording.problems
        counts.update(recording.counts)
    if not counts:
        sentences.append("no call of a function was recorded")
    complaints, pairs = evaluate_all(expectations)
    return list(dict.fromkeys([*sentences, *complaints])), pairs, counts


def called(pairs):
    """Returns the actions that each role called in the emulator."""
    found = {}
    for expectation, _ in pairs:
        if expectation.allowed:
            found.setdefault(expectation.subject, set()).add(expectation.request.action)
    return found


def main(directory):
    template = unfold(load(TEMPLATE.read_text()))
    found, pairs, counts = problems(translate(unfold(load(TEMPLATE.read_text())), {}), calls(directory))
    by_package, unknown = replayed(directory, packages(template))
    found += [*unknown, *differences(template, called(pairs), by_package)]
    for role, count in sorted(counts.items()):
        print(f"{role} made {count} calls")
    allowed = sum(expectation.allowed for expectation, _ in pairs)
    say(
        found,
        f"{counts.total()} recorded calls: {allowed} different ones are allowed, {len(pairs) - allowed} beside them are denied; "
        "each action that a function's role allows is called",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: tools/recorded_access.py DIRECTORY")
    sys.exit(main(Path(sys.argv[1])))
