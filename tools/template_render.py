#!/usr/bin/env python3
"""Renders template.yaml for every combination of the choices below, as SAM and CloudFormation would.

Every combination means: each of PLATFORMS with each of PLACES (database, network, zones), DOORBELLS, PROGRAMS (image,
program or neither) and EXTRAS, which are every other parameter that a condition asks for, all at their defaults or all at
another value. Every condition of the template comes out both ways in what is not refused; parameters that no condition
asks for stay at their defaults.

Each combination is either refused by the template's own Rules, or gives a template in which every reference resolves and
no resource waits for itself. A smaller number, the largest for each place with each doorbell and for each place with each
platform, is linted as it comes out, with values instead of conditions, and with every check.
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
    """Something is named that is not there."""


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
        """The texts of the Rules that refuse these parameters."""
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
        """What a Rule or a condition compares: a text or a parameter. In a nested stack it may be anything that it was given."""
        if not isinstance(node, dict):
            return text(node)
        if "Fn::If" in node:
            name, then, otherwise = node["Fn::If"]
            return self.value(then if self.condition(name) else otherwise)
        return self.parameters.get(node.get("Ref"), node)

    def render(self):
        """The template without conditions and with the parameters' values."""
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
                # A text with a name of CloudFormation's own in it is CloudFormation's to split.
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


def dangling(rendered):
    """References of a rendered template to what is not in it, each as a sentence."""
    there = {*rendered["Resources"], *PSEUDO}
    for section in ("Resources", "Outputs"):
        for name, part in rendered[section].items():
            for target in references(part):
                if target not in there:
                    yield f"{name} names {target}, which is not there"


def circles(rendered):
    """Resources that wait for themselves, each as a sentence."""
    waits = {name: set(references(part)) & set(rendered["Resources"]) for name, part in rendered["Resources"].items()}
    while True:
        free = {name for name, others in waits.items() if not others & set(waits)}
        if not free:
            break
        waits = {name: others for name, others in waits.items() if name not in free}
    if waits:
        yield f"each of {', '.join(sorted(waits))} waits for another one of them"


def order(rendered, first, second):
    """Whether CloudFormation finishes `first` before it begins `second`."""
    seen, queue = set(), [second]
    while queue:
        for target in references(rendered["Resources"][queue.pop()]):
            if target in rendered["Resources"] and target not in seen:
                seen.add(target)
                queue.append(target)
    return first in seen


def one_sided(template, outcomes):
    """Conditions that came out one way only, each as a sentence; `outcomes` is the set of names with their outcomes."""
    for name in template["Conditions"]:
        for outcome in (True, False):
            if (name, outcome) not in outcomes:
                yield f"condition {name} is {str(outcome).lower()} in no combination; EXTRAS lacks a parameter"


def check(translated, parameters):
    """The problems of one combination, or None when the Rules refuse it; and what came out."""
    rendering = Rendering(translated, parameters)
    if any(rendering.refusals()):
        return None, None
    try:
        rendered = rendering.render()
    except Unresolved as problem:
        return [str(problem)], None
    return [*dangling(rendered), *circles(rendered)], rendered


def linted(rendered):
    """cfn-lint's opinion of what came out."""
    for resource in rendered["Resources"].values():
        if resource["Type"] == NESTED:
            # `sam package` puts the place of the upload here.
            resource["Properties"]["TemplateURL"] = "https://bucket.s3.us-east-1.amazonaws.com/key"
    matches = lint(json.dumps(rendered), config=ManualArgs(regions=["us-east-1"]))
    return [f"{match.rule.id} {match.message} at {'/'.join(str(key) for key in match.path)}" for match in matches]


def main():
    # What SAM makes of the template does not depend on the parameters: it leaves conditions and Refs to CloudFormation.
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
                # The largest of each kind has the most to say.
                if key not in to_lint or len(rendered["Resources"]) > len(to_lint[key][1]["Resources"]):
                    to_lint[key] = (parameters, rendered)
    problems += one_sided(translated, outcomes)
    different = {named(parameters): (parameters, rendered) for parameters, rendered in to_lint.values()}
    with ProcessPoolExecutor() as pool:
        opinions = pool.map(linted, [rendered for _, rendered in different.values()])
        for (parameters, _), found in zip(different.values(), opinions):
            problems += [f"{problem}, with {named(parameters)}" for problem in found]
    say(problems, f"{count} combinations of the choices resolve, {refused} are refused, {len(different)} were linted")


if __name__ == "__main__":
    sys.exit(main())
