#!/usr/bin/env python3
"""Checks the requests of the tests against the models of AWS: check_requests.py DIRECTORY

Run with the Python of .local/venv/emulator, as `make test` does after the tests. Requests to the emulator were checked when
they were received; here they are counted, and their violations are reported. The requests that tests without an emulator
recorded are checked now.
"""

import re
import sys
import tomllib
from collections import Counter
from pathlib import Path

from aws_models.decode import checked
from aws_models.models import service
from aws_models.patterns import not_compiled
from aws_models.recording import records, request_of

ROOT = Path(__file__).resolve().parent.parent
# `testing::replay`, also as `testing::{fleet, replay}`.
REPLAY = re.compile(r"\btesting::(\{[^}]*\b)?replay\b")


def main(directory):
    recorded, packages = Counter(), set()
    problems = Counter()
    for record in records(directory, "requests"):
        call = checked(request_of(record))
        recorded[call.service, call.operation] += 1
        packages.add(record["package"])
        problems.update(f"{record['package']}, {record['test']}: {problem}" for problem in call.problems)
    emulated = Counter()
    for call in records(directory, "calls"):
        emulated[call["service"], call["operation"]] += 1
    for violation in records(directory, "violations"):
        problems.update(f"{violation['caller'] or violation['agent']}: {problem}" for problem in violation["problems"])
    for package in sorted(recording_packages() - packages):
        problems[f"the tests of {package} have recorded no request, although they use `testing::replay`"] += 1
    if not emulated:
        problems["no request to the emulator was recorded"] += 1

    operations = set(recorded) | set(emulated)
    print(f"{recorded.total()} recorded requests and {emulated.total()} to the emulator, of {len(operations)} operations")
    for name in sorted({name for name, _ in operations if name}):
        for shape, pattern in not_compiled(service(name)).items():
            print(f"not checked, because it cannot be compiled: the pattern of {name} {shape}: {pattern}")
    for problem, times in sorted(problems.items()):
        print(problem + (f" ({times} times)" if times > 1 else ""))
    return 1 if problems else 0


def recording_packages():
    """Returns the packages whose tests use the replay of tests/testing. Such a test records each request of the SDK."""
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    found = set()
    for member in workspace["members"]:
        manifest = tomllib.loads((ROOT / member / "Cargo.toml").read_text())
        if "testing" in manifest.get("dev-dependencies", {}) and uses_replay(ROOT / member):
            found.add(manifest["package"]["name"])
    return found


def uses_replay(package):
    return any(REPLAY.search(path.read_text()) for path in package.rglob("*.rs"))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
