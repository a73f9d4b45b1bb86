"""Reads the templates for the checks beside this file. Runs with the Python of .local/venv/tools."""

import logging
import os
import re
import sys
from pathlib import Path

# The SAM translator asks for a region and credentials even where it calls nothing.
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# It counts what it does, and complains when nobody collects the counts.
logging.getLogger("samtranslator").setLevel(logging.CRITICAL)

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
TEMPLATES = tuple(ROOT / f"{name}.yaml" for name in ("template", "alarms", "app-runner", "budget", "dashboard", "ecr"))
NESTED = "AWS::CloudFormation::Stack"


def load(text):
    """A template as plain dictionaries and lists, with functions in their long form (Fn::If, Ref)."""
    return yaml_parse(text)


def unfold(template):
    """The template with the resources of its nested stacks as if they were its own, each under the name that it has there.

    A nested stack's parameters are replaced by what it is given, and its outputs by what they say. Each of its resources
    waits for what the stack waits for.
    """
    resources, outputs = {}, {}
    for name, resource in template["Resources"].items():
        resources[name] = resource
        if resource["Type"] == NESTED:
            nested = load((ROOT / resource["Properties"]["TemplateURL"]).read_text())
            given = {**defaults(nested), **resource["Properties"].get("Parameters", {})}
            for condition, expression in nested.get("Conditions", {}).items():
                template["Conditions"][name + condition] = {"Fn::And": [{"Condition": resource["Condition"]}, replaced(expression, name, given)]}
            for inner, part in nested["Resources"].items():
                if inner in template["Resources"]:
                    raise ValueError(f"{inner} is both in the template and in its nested stack {name}")
                resources[inner] = {"Condition": resource["Condition"], **replaced(part, name, given)}
                resources[inner]["DependsOn"] = [*listed(resource.get("DependsOn", [])), *listed(part.get("DependsOn", []))]
                resources[inner]["Metadata"] = {**part.get("Metadata", {}), "Stack": [given, resource.get("Metadata", {})]}
            for output, part in nested.get("Outputs", {}).items():
                outputs[f"{name}.Outputs.{output}"] = replaced(part["Value"], name, given)
    return with_outputs({**template, "Resources": resources}, outputs)


def with_outputs(node, outputs):
    """A part of a template with what it asks a nested stack for replaced by the attribute of the resource in it."""
    if isinstance(node, list):
        return [with_outputs(item, outputs) for item in node]
    if not isinstance(node, dict):
        return node
    if "Fn::GetAtt" in node:
        attribute = node["Fn::GetAtt"]
        return outputs.get(attribute if isinstance(attribute, str) else ".".join(attribute), node)
    if isinstance(node.get("Fn::Sub"), str):
        whole = node["Fn::Sub"]
        for name, value in outputs.items():
            resource, attribute = value["Fn::GetAtt"]
            whole = whole.replace("${" + name + "}", "${" + f"{resource}.{attribute}" + "}")
        return {"Fn::Sub": whole}
    return {key: with_outputs(value, outputs) for key, value in node.items()}


def replaced(node, stack, given):
    """A part of a nested stack with its parameters replaced, and its conditions named as `unfold` does."""
    if isinstance(node, list):
        return [replaced(item, stack, given) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        ((function, argument),) = node.items()
        if function == "Ref" and argument in given:
            return given[argument]
        if function == "Fn::If":
            return {"Fn::If": [stack + argument[0], *replaced(argument[1:], stack, given)]}
        if function == "Fn::Sub":
            whole, names = argument if isinstance(argument, list) else (argument, {})
            names = replaced(names, stack, given)
            # A name is put in as a name, and what is more than that is named.
            for name in re.findall(r"\$\{(\w+)\}", whole):
                if name in given and name not in names:
                    if isinstance(given[name], dict) and set(given[name]) == {"Ref"}:
                        whole = whole.replace("${" + name + "}", "${" + given[name]["Ref"] + "}")
                    else:
                        names = {**names, name: given[name]}
            return {"Fn::Sub": [whole, names] if names else whole}
    return {
        key: stack + value if key == "Condition" and isinstance(value, str) else replaced(value, stack, given)
        for key, value in node.items()
    }


def of_type(template, *types):
    """Name and properties of every resource of these types."""
    for name, resource in template.get("Resources", {}).items():
        if resource["Type"] in types:
            yield name, resource.get("Properties") or {}


def functions(template):
    """Name and properties of every function, with what Globals adds to them."""
    shared = template.get("Globals", {}).get("Function", {})
    for name, properties in of_type(template, "AWS::Serverless::Function", "AWS::Lambda::Function"):
        yield name, {**shared, **properties}


def target(node):
    """The logical name that a Ref or GetAtt names, or None."""
    if not isinstance(node, dict):
        return None
    if "Fn::GetAtt" in node:
        attribute = node["Fn::GetAtt"]
        return attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]
    return node.get("Ref")


def statements(template):
    """Every statement of every policy, with the path to it."""
    for path, node in walk(template.get("Resources", {})):
        if isinstance(node, dict) and "Effect" in node and "Action" in node:
            yield path, node


def listed(value):
    return value if isinstance(value, list) else [value]


def translate(template, parameters):
    """What SAM makes of a template, with these parameters over its defaults."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties") or {}
        if resource["Type"] == "AWS::Serverless::Function" and "CodeUri" in properties:
            # `sam package` puts the place of the upload here.
            properties["CodeUri"] = "s3://bucket/key"
    session = boto3.session.Session(region_name="us-east-1")
    translator = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=session)
    return translator.translate(template, {**defaults(template), **parameters})


def defaults(template):
    """The parameters that have one, as CloudFormation sees them: texts."""
    parameters = template.get("Parameters", {})
    return {name: text(parameter["Default"]) for name, parameter in parameters.items() if "Default" in parameter}


def text(value):
    """A value of a template as the text that CloudFormation makes of it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def walk(node, path=()):
    """Every node of a template with its path, parents first."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, (*path, index))


def references(node):
    """The names that a part of a template refers to: resources, parameters, what begins with AWS::."""
    for _, part in walk(node):
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("Ref"), str) and len(part) == 1:
            yield part["Ref"]
        if "Fn::GetAtt" in part:
            attribute = part["Fn::GetAtt"]
            yield attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]
        if "Fn::Sub" in part:
            whole, names = part["Fn::Sub"] if isinstance(part["Fn::Sub"], list) else (part["Fn::Sub"], {})
            for name in re.findall(r"\$\{([^!}]+)\}", whole):
                if name not in names:
                    yield name.split(".")[0]
        depends = part.get("DependsOn", [])
        yield from [depends] if isinstance(depends, str) else depends


def say(problems, checked):
    """Ends the program, with the problems when there are any."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else print(checked))
