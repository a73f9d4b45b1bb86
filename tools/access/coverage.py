"""Compares the actions that the roles of the functions allow with the actions that the tests called.

An action counts as called if a test recorded a call that needs it. Three kinds cannot be recorded and count as well: the calls of
Lambda itself in the name of the function, the database's check of a token that the function signed, and S3's choice of an answer.
"""

from template import functions, target
from template_rules_access import allowed_actions, lambda_calls


def packages(template):
    """Returns the role of each function that is built from a Rust package, by the name of the package."""
    found = {}
    for _, properties in functions(template):
        code = properties.get("CodeUri", "")
        if code.startswith("functions/"):
            found[code.removeprefix("functions/")] = target(properties["Role"])
    return found


def not_recorded(template):
    """Returns the actions that each role needs and that no test can record, by role."""
    needed = {}
    for _, properties in functions(template):
        actions = needed.setdefault(target(properties["Role"]), set())
        actions |= lambda_calls(properties)
        if "DATABASE_AUTH" in properties.get("Environment", {}).get("Variables", {}):
            # The function signs the token without a call, and the database checks it.
            actions.add("rds-db:connect")
        if "DIRECTORY_BUCKET" in properties.get("Environment", {}).get("Variables", {}):
            # With it S3 answers GetObject with 404 where there is no object, and without it with 403 (GetObject, "Permissions").
            actions.add("s3:ListBucket")
    return needed


def differences(template, emulated, replayed):
    """Yields a sentence for each permission that no call needs, and for each replayed call without a permission.

    `emulated` has the actions that functions called in the emulator, by role. `replayed` has the actions of the tests that
    answer the SDK themselves, by package.
    """
    by_role = packages(template)
    called = not_recorded(template)
    for role, actions in emulated.items():
        called.setdefault(role, set()).update(actions)
    for package, role in by_role.items():
        actions = replayed.get(package, set())
        called[role] |= actions
        for action in sorted(actions - allowed_actions(template, role)):
            yield f"the tests of {package} call {action}, which {role} does not allow"
    for role in sorted(set(by_role.values())):
        for action in sorted(allowed_actions(template, role) - called[role]):
            yield f"{role} allows {action}, which no recorded call needs"
