#!/usr/bin/env python3
"""Renders template.yaml for every combination of its choices, as SAM and CloudFormation would.

A combination has one element of each list in template_choices.py: PLATFORMS, PLACES (database, network, zones), DOORBELLS,
PROGRAMS (image, program or neither) and EXTRAS. EXTRAS sets all other parameters that a condition uses, to their defaults or
to other values. Every condition must come out both ways among the combinations that are not refused. Parameters that no
condition uses keep their defaults.

A combination is either refused by the template's own Rules, or makes a template in which every reference resolves and no
resource waits for itself. A smaller number of combinations is linted after the rendering, with every check of cfn-lint: the
largest for each place with each doorbell, and for each place with each platform.
"""

import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor

from cfnlint.api import lint
from cfnlint.config import ManualArgs

from template import NESTED, TEMPLATE, defaults, load, references, say, text, translate, unfold
from template_choices import DOORBELLS, EXTRAS, PLACES, PLATFORMS, PROGRAMS, PSEUDO, combinations, named

NO_VALUE = object()


class Unresolved(Exception):
    """A reference to a name that does not exist."""


class Rendering:
    """One template with one set of parameters."""

    def __init__(self, template, parameters):
        self.template = template
        unknown = set(parameters) - set(template["Parameters"])
        if unknown:
            raise Unresolved(f"no parameter {', '.join(sorted(unknown))}")
        self.parameters = {**defaults(template), **parameters}
        self.conditions = {}

    def refusals(self):
        """Yields the descriptions of the Rules that refuse these parameters."""
        for rule in self.template.get("Rules", {}).values():
            if "RuleCondition" not in rule or self.holds(rule["RuleCondition"]):
                for assertion in rule["Assertions"]:
                    if not self.holds(assertion["Assert"]):
                        yield assertion["AssertDescription"]

    def condition(self, name):
        if name not in self.conditions:
            if name not in self.template["Conditions"]:
                raise Unresolved(f"no condition {name}")
            self.conditions[name] = self.holds(self.template["Conditions"][name])
        return self.conditions[name]

    def holds(self, node):
        ((function, arguments),) = node.items()
        if function == "Condition":
            return self.condition(arguments)
        if function == "Fn::And":
            return all([self.holds(argument) for argument in arguments])
        if function == "Fn::Or":
            return any([self.holds(argument) for argument in arguments])
        if function == "Fn::Not":
            return not self.holds(arguments[0])
        if function == "Fn::Equals":
            left, right = (self.value(argument) for argument in arguments)
            return left == right
        if function == "Fn::Contains":
            return self.value(arguments[1]) in [self.value(member) for member in arguments[0]]
        raise Unresolved(f"unknown function {function} in a condition")

    def value(self, node):
        """Returns an operand of a Rule or a condition: a text, or the value of a parameter. In a nested stack it may be any
        node.
        """
        if not isinstance(node, dict):
            return text(node)
        if "Fn::If" in node:
            name, then, otherwise = node["Fn::If"]
            return self.value(then if self.condition(name) else otherwise)
        return self.parameters.get(node.get("Ref"), node)

    def render(self):
        """Returns the template without conditions and with the values of the parameters."""
        resources = {
            name: self.resolve(resource)
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.condition(resource["Condition"])
        }
        outputs = {
            name: self.resolve(output)
            for name, output in self.template.get("Outputs", {}).items()
            if "Condition" not in output or self.condition(output["Condition"])
        }
        for part in (*resources.values(), *outputs.values()):
            part.pop("Condition", None)
        return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources, "Outputs": outputs}

    def resolve(self, node):
        if isinstance(node, list):
            items = (self.resolve(item) for item in node)
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, arguments),) = node.items()
            if function == "Fn::If":
                name, then, otherwise = arguments
                return self.resolve(then if self.condition(name) else otherwise)
            if function == "Ref" and arguments == "AWS::NoValue":
                return NO_VALUE
            if function == "Ref" and arguments in self.parameters:
                return self.parameters[arguments]
            if function == "Fn::Split":
                separator, whole = self.resolve(arguments)
                # A text with a name that only CloudFormation knows is left for CloudFormation to split.
                return whole.split(separator) if isinstance(whole, str) else {"Fn::Split": [separator, whole]}
            if function == "Fn::Select":
                index, items = self.resolve(arguments)
                if not isinstance(items, list):
                    return {"Fn::Select": [index, items]}
                if int(index) >= len(items):
                    raise Unresolved(f"no item {index} in {items}")
                return items[int(index)]
            if function == "Fn::FindInMap":
                mapping, first, second = self.resolve(arguments)
                return self.template["Mappings"][mapping][first][second]
            if function == "Fn::Sub":
                return self.substitute(arguments)
        resolved = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not NO_VALUE}

    def substitute(self, arguments):
        whole, names = arguments if isinstance(arguments, list) else (arguments, {})
        names = {name: self.resolve(value) for name, value in names.items()}

        def replace(match):
            name = match[1]
            value = names.get(name, self.parameters.get(name))
            return text(value) if isinstance(value, (str, int, float)) else match[0]

        whole = re.sub(r"\$\{([^!}]+)\}", replace, whole)
        left = {name: value for name, value in names.items() if "${" + name + "}" in whole}
        if "${" not in whole:
            return whole
        return {"Fn::Sub": [whole, left] if left else whole}


def dangling_references(rendered):
    """Yields a sentence for each reference of a rendered template to a name that is not in it."""
    there = {*rendered["Resources"], *PSEUDO}
    for section in ("Resources", "Outputs"):
        for name, part in rendered[section].items():
            for target in references(part):
                if target not in there:
                    yield f"{name} names {target}, which is not there"


def cycles(rendered):
    """Yields a sentence if resources wait for each other in a circle."""
    waits = {name: set(references(part)) & set(rendered["Resources"]) for name, part in rendered["Resources"].items()}
    while True:
        free = {name for name, others in waits.items() if not others & set(waits)}
        if not free:
            break
        waits = {name: others for name, others in waits.items() if name not in free}
    if waits:
        yield f"each of {', '.join(sorted(waits))} waits for another one of them"


def is_created_before(rendered, first, second):
    """Returns true if CloudFormation finishes `first` before it begins `second`."""
    seen, queue = set(), [second]
    while queue:
        for target in references(rendered["Resources"][queue.pop()]):
            if target in rendered["Resources"] and target not in seen:
                seen.add(target)
                queue.append(target)
    return first in seen


def constant_conditions(template, outcomes):
    """Yields a sentence for each condition that has one outcome only. `outcomes` is the set of pairs of name and outcome."""
    for name in template["Conditions"]:
        for outcome in (True, False):
            if (name, outcome) not in outcomes:
                yield f"condition {name} is {str(outcome).lower()} in no combination; EXTRAS lacks a parameter"


def check(translated, parameters):
    """Returns the problems of one combination and the rendered template. The problems are None if the Rules refuse it."""
    rendering = Rendering(translated, parameters)
    if any(rendering.refusals()):
        return None, None
    try:
        rendered = rendering.render()
    except Unresolved as problem:
        return [str(problem)], None
    return [*dangling_references(rendered), *cycles(rendered)], rendered


def lint_problems(rendered):
    """Returns the problems that cfn-lint finds in a rendered template."""
    for resource in rendered["Resources"].values():
        if resource["Type"] == NESTED:
            # `sam package` writes the address of the uploaded template here.
            resource["Properties"]["TemplateURL"] = "https://bucket.s3.us-east-1.amazonaws.com/key"
    matches = lint(json.dumps(rendered), config=ManualArgs(regions=["us-east-1"]))
    return [f"{match.rule.id} {match.message} at {'/'.join(str(key) for key in match.path)}" for match in matches]


def main():
    # The output of SAM does not depend on the parameters: it leaves conditions and Refs to CloudFormation.
    translated = translate(unfold(load(TEMPLATE.read_text())), {})
    problems, count, refused, to_lint, outcomes = [], 0, 0, {}, set()
    for parameters in combinations(PLATFORMS, PLACES, DOORBELLS, PROGRAMS, EXTRAS):
        found, rendered = check(translated, parameters)
        if found is None:
            refused += 1
            continue
        count += 1
        rendering = Rendering(translated, parameters)
        outcomes |= {(name, rendering.condition(name)) for name in translated["Conditions"]}
        problems += [f"{problem}, with {named(parameters)}" for problem in found]
        if rendered:
            place = tuple(parameters.get(name) for name in ("Database", "Network", "Doorbell", "VpcId", "DatabaseSnapshot"))
            for key in (place, (parameters["WebPlatform"], *place[:2])):
                # The largest template of each kind covers most.
                if key not in to_lint or len(rendered["Resources"]) > len(to_lint[key][1]["Resources"]):
                    to_lint[key] = (parameters, rendered)
    problems += constant_conditions(translated, outcomes)
    different = {named(parameters): (parameters, rendered) for parameters, rendered in to_lint.values()}
    with ProcessPoolExecutor() as pool:
        lint_results = pool.map(lint_problems, [rendered for _, rendered in different.values()])
        for (parameters, _), found in zip(different.values(), lint_results):
            problems += [f"{problem}, with {named(parameters)}" for problem in found]
    say(problems, f"{count} combinations of the choices resolve, {refused} are refused, {len(different)} were linted")


if __name__ == "__main__":
    sys.exit(main())
