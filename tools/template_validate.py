#!/usr/bin/env python3
"""Asks cloudformation-validate, which is AWS's own, about what comes out of the templates: a second opinion beside cfn-lint's.

It has resource schemas and an engine of its own, and looks at whole stacks: whether a subnet is inside its VPC, a pattern of
EventBridge is one, two ends of a range are the right way round. A whole template with its conditions is more than it gets
through, so it is given what is rendered: the stacks of tools/template_access.py, each way to deploy of parameters/, and ecr.yaml.

What it only remarks upon (INFO) is advice about properties, not about what is there. Each warning that stays has its reason in
WAIVERS; one that nothing needs is a fault.
"""

import json
import sys

from cloudformation_validate import CompositeEngine, ReportStatus, Severity, TemplateContent, ValidateConfig

import template_order
from template import NESTED, ROOT, TEMPLATE, load, say, translate, unfold
from template_access import STACKS
from template_render import Rendering

# A rule, and on which resource, or None for all; and why its warning stays.
WAIVERS = {
    ("W9002", "DoorbellLinesMayInvoke"): "the name of an existing log group, a parameter, is in what is rendered",
    ("W9003", None): "CloudFormation hands a parameter over as a text, of type Number too",
    ("W9013", None): "the ARN of a permissions boundary, a parameter, is in what is rendered",
    (
        "W9011",
        "DatabaseInstance",
    ): "Doorbell=PublicAddress is this, for the way out; the security group lets nobody in from the internet",
}


def rendered(translated, parameters):
    """A template without its conditions, as a text."""
    template = Rendering(translated, parameters).render()
    for resource in template["Resources"].values():
        if resource["Type"] == NESTED:
            # `sam package` puts the place of the upload here.
            resource["Properties"]["TemplateURL"] = "https://bucket.s3.us-east-1.amazonaws.com/key"
    return json.dumps(template)


def texts():
    """Pairs of a name and a template to look at. The resources of nested stacks are in those of template.yaml."""
    translated = translate(unfold(load(TEMPLATE.read_text())), {})
    for number, parameters in enumerate(STACKS):
        yield f"template.yaml, number {number} of STACKS", rendered(translated, parameters)
    for way in template_order.WAYS:
        yield f"template.yaml with parameters/{way}.yaml", rendered(translated, template_order.parameters(way))
    yield "ecr.yaml", rendered(load((ROOT / "ecr.yaml").read_text()), {})


def opinions(engine, name, text):
    """Its findings about a template: pairs of a waiver that fits, or None, and a sentence."""
    report = engine.validate_template(TemplateContent(text, name), ValidateConfig(severity_level=Severity.WARN))
    if report.status != ReportStatus.OK:
        yield None, f"{name}: {report.status.name.lower()}, so that something may have gone unseen"
    for found in report.diagnostics:
        resource = found.entity.logical_id if found.entity else None
        waiver = next((key for key in ((found.rule_id, resource), (found.rule_id, None)) if key in WAIVERS), None)
        yield waiver, f"{name}: {found.rule_id} {resource} {found.property_path or ''}: {found.message}"


def main():
    engine, problems, used, count = CompositeEngine(), [], set(), 0
    for name, text in texts():
        count += 1
        for waiver, sentence in opinions(engine, name, text):
            used.add(waiver)
            problems += [] if waiver else [sentence]
    problems += [f"WAIVERS has {rule} for {resource}, which nothing needs" for rule, resource in WAIVERS.keys() - used]
    say(problems, f"cloudformation-validate has nothing against {count} templates")


if __name__ == "__main__":
    sys.exit(main())
