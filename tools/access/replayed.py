"""Reads the requests that tests without an emulator have recorded, and returns the actions that each function called.

Such a test answers the SDK itself (tests/testing/src/replay.rs). Its requests are real, but the names of resources in them are
invented. So they show the actions that a function calls, but not the resources of a stack.
"""

from dataclasses import dataclass

from access.operations import UnknownOperation, actions
from aws_models.decode import checked
from aws_models.recording import records, request_of


@dataclass(frozen=True)
class InventedStack:
    """The account and the region of the resources in a replayed request."""

    account: str = "111122223333"
    here: str = "eu-central-1:111122223333"


def replayed(directory, packages):
    """Returns the actions that the tests of these packages called, by package, and a sentence for each unknown operation."""
    called, sentences = {}, set()
    for record in records(directory, "requests"):
        package = record["package"]
        if package not in packages:
            continue
        call = checked(request_of(record))
        if call.problems:
            # check_requests.py reports them.
            continue
        try:
            called.setdefault(package, set()).update(actions(InventedStack(), call.service, call.operation, call.parameters))
        except UnknownOperation as problem:
            sentences.add(f"{package}: {problem}")
    return called, sorted(sentences)
