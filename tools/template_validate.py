#!/usr/bin/env python3
"""Checks the rendered templates with cloudformation-validate, a program of AWS with its own resource schemas and rules.

It looks at whole stacks: a subnet must be inside its VPC, a pattern of EventBridge must be valid, and the ends of a range must
be in order. It does not finish a whole template with conditions. So it gets rendered ones: the stacks of
tools/template_access.py, each way to deploy of parameters/, and ecr.yaml.

Findings of the level INFO are advice about properties, and are left out. Each warning that stays has its reason in WAIVERS. A
waiver that no warning needs is reported.
"""

import json
import sys

from cloudformation_validate import CompositeEngine, ReportStatus, Severity, TemplateContent, ValidateConfig

import template_order
from template import NESTED, ROOT, TEMPLATE, load, say, translate, unfold
from template_access import STACKS
from template_render import Rendering

# The rule and the resource of a warning that stays, and why. The resource is None for all resources.
WAIVERS = {
    ("W9002", "DoorbellLinesMayInvoke"): "the name of an existing log group, a parameter, is in the rendered template",
    ("W9003", None): "CloudFormation gives every parameter as a text, also one of type Number",
    ("W9013", None): "the ARN of a permissions boundary, a parameter, is in the rendered template",
    (
        "W9011",
        "DatabaseInstance",
    ): "Doorbell=PublicAddress needs a public address for outgoing calls; the security group lets nothing in from the internet",
}


def rendered(translated, parameters):
    """Returns a template without its conditions, as a text."""
    template = Rendering(translated, parameters).render()
    for resource in template["Resources"].values():
        if resource["Type"] == NESTED:
            # `sam package` writes the address of the uploaded template here.
            resource["Properties"]["TemplateURL"] = "https://bucket.s3.us-east-1.amazonaws.com/key"
    return json.dumps(template)


def texts():
    """Yields pairs of a name and a template to check. Resources of nested stacks are in the templates of template.yaml."""
    translated = translate(unfold(load(TEMPLATE.read_text())), {})
    for number, parameters in enumerate(STACKS):
        yield f"template.yaml, number {number} of STACKS", rendered(translated, parameters)
    for way in template_order.WAYS:
        yield f"template.yaml with parameters/{way}.yaml", rendered(translated, template_order.parameters(way))
    yield "ecr.yaml", rendered(load((ROOT / "ecr.yaml").read_text()), {})


def findings(engine, name, text):
    """Yields its findings about a template: pairs of the waiver that fits, or None, and a sentence."""
    report = engine.validate_template(TemplateContent(text, name), ValidateConfig(severity_level=Severity.WARN))
    if report.status != ReportStatus.OK:
        yield None, f"{name}: {report.status.name.lower()}, so the check may be incomplete"
    for found in report.diagnostics:
        resource = found.entity.logical_id if found.entity else None
        waiver = next((key for key in ((found.rule_id, resource), (found.rule_id, None)) if key in WAIVERS), None)
        yield waiver, f"{name}: {found.rule_id} {resource} {found.property_path or ''}: {found.message}"


def main():
    engine, problems, used, count = CompositeEngine(), [], set(), 0
    for name, text in texts():
        count += 1
        for waiver, sentence in findings(engine, name, text):
            used.add(waiver)
            problems += [] if waiver else [sentence]
    problems += [f"WAIVERS has {rule} for {resource}, which no warning needs" for rule, resource in WAIVERS.keys() - used]
    say(problems, f"cloudformation-validate finds nothing in {count} templates")


if __name__ == "__main__":
    sys.exit(main())
