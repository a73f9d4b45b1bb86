"""The requests that the policies of resources must allow, and those that they must deny, from resources.yaml."""

from pathlib import Path

from access.calls import SERVICES, active, resolved
from access.expectations import EVERYTHING, STRANGER, Expectation
from access.neighbours import kind
from access.simulator import Request, keys
from template import load

TABLE = Path(__file__).resolve().parent / "resources.yaml"


def table():
    return load(TABLE.read_text())


class Resources:
    """All expectations about the policies of the resources of one stack."""

    def __init__(self, stack, known):
        self.stack, self.known = stack, known
        self.policies = stack.resource_policies()
        self.member = f"arn:aws:iam::{stack.account}:role/another"

    def expectations(self):
        for holder in self.policies:
            yield from self.of(holder)

    def of(self, holder):
        entries = [entry for entry in self.known.get(holder, []) if active(self.stack, entry)]
        for entry in entries:
            yield from self.entry(holder, self.policies[holder], entry, {one["principal"] for one in entries})

    def entry(self, holder, policy, entry, expected_principals):
        context = self.context(entry.get("with", {}))
        for resource in map(self.stack.text, entry["resources"]):
            for action in entry["actions"]:

                def expect(allowed, principal=entry["principal"], context=context, resource=resource, action=action):
                    return Expectation(self.request(holder, policy, principal, action, resource, context), allowed, holder)

                yield expect(True)
                for other in entry.get("not with", []):
                    yield expect(False, context=self.context(other))
                for beside in resolved(self.stack, entry.get("neighbours", [])):
                    if kind(beside) == kind(resource):
                        yield expect(False, resource=beside)
                # A denial is for every principal, and the policy of an endpoint is for every principal that uses the endpoint.
                if not self.endpoint(holder):
                    for principal in (*SERVICES, STRANGER):
                        if principal not in expected_principals:
                            yield expect(False, principal=principal)
            for action in entry.get("never", []):
                yield expect(False, action=action)

    def endpoint(self, holder):
        return self.stack.resources[holder]["Type"] == "AWS::EC2::VPCEndpoint"

    def request(self, holder, policy, principal, action, resource, context):
        principal = self.member if principal == "account" else principal
        identity = (EVERYTHING,) if principal.startswith("arn:") else ()
        if self.endpoint(holder):
            return Request(principal, action, resource, self.stack.account, context, identity, None, policy)
        return Request(principal, action, resource, self.stack.account, context, identity, policy)

    def context(self, entry):
        return keys(self.stack.texts(entry))


def unknown(stacks, known):
    """Yields a sentence for each policy without an entry, and for each entry without a policy."""
    there = {holder for stack in stacks for holder in stack.resource_policies()}
    for holder in sorted(there - known.keys()):
        yield f"{holder} is not in tools/access/resources.yaml"
    for holder in sorted(known.keys() - there):
        yield f"{holder} is in tools/access/resources.yaml and in no stack"
