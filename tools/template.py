"""Reads the templates for the checks beside this file. Runs with the Python of .local/venv/tools."""

import logging
import os
import re
import sys
from pathlib import Path

# The SAM translator needs a region and credentials, although it calls nothing.
os.environ.update(AWS_DEFAULT_REGION="us-east-1", AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none")

import boto3
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

# The translator counts its calls, and warns if the counts are not collected.
logging.getLogger("samtranslator").setLevel(logging.CRITICAL)

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
TEMPLATES = tuple(ROOT / f"{name}.yaml" for name in ("template", "alarms", "app-runner", "budget", "dashboard", "ecr"))
NESTED = "AWS::CloudFormation::Stack"


def load(text):
    """Returns a template as dictionaries and lists. Its functions have their long form (Fn::If, Ref)."""
    return yaml_parse(text)


def unfold(template):
    """Returns the template with the resources of its nested stacks among its own. Each keeps the name that it has there.

    The parameters of a nested stack are replaced by the values that the template gives, and references to its outputs by the
    values of the outputs. Each resource of a nested stack waits for everything that the stack waits for.
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
    """Returns a part of a template in which references to outputs of a nested stack name the resource in the stack."""
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
    """Returns a part of a nested stack with its parameters replaced. Its conditions get the names that `unfold` gives them."""
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
            # A reference replaces the name in the text. Any other value becomes a variable of Fn::Sub.
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
    """Yields the name and the properties of every resource of these types."""
    for name, resource in template.get("Resources", {}).items():
        if resource["Type"] in types:
            yield name, resource.get("Properties") or {}


def functions(template):
    """Yields the name and the properties of every function, with the properties that Globals adds."""
    shared = template.get("Globals", {}).get("Function", {})
    for name, properties in of_type(template, "AWS::Serverless::Function", "AWS::Lambda::Function"):
        yield name, {**shared, **properties}


def target(node):
    """Returns the logical id that a Ref or a GetAtt names, or None for another node."""
    if not isinstance(node, dict):
        return None
    if "Fn::GetAtt" in node:
        attribute = node["Fn::GetAtt"]
        return attribute[0] if isinstance(attribute, list) else attribute.split(".")[0]
    return node.get("Ref")


def statements(template):
    """Yields every statement of every policy, with the path to it."""
    for path, node in walk(template.get("Resources", {})):
        if isinstance(node, dict) and "Effect" in node and "Action" in node:
            yield path, node


def listed(value):
    return value if isinstance(value, list) else [value]


def translate(template, parameters):
    """Returns the template that SAM makes of a template, with these parameters instead of its defaults."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties") or {}
        if resource["Type"] == "AWS::Serverless::Function" and "CodeUri" in properties:
            # `sam package` writes the address of the uploaded code here.
            properties["CodeUri"] = "s3://bucket/key"
    session = boto3.session.Session(region_name="us-east-1")
    translator = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=session)
    return translator.translate(template, {**defaults(template), **parameters})


def defaults(template):
    """Returns the defaults of the parameters as texts, which is the form that CloudFormation gives them."""
    parameters = template.get("Parameters", {})
    return {name: text(parameter["Default"]) for name, parameter in parameters.items() if "Default" in parameter}


def text(value):
    """Returns the text that CloudFormation makes of a value."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def walk(node, path=()):
    """Yields every node of a template with its path, parents first."""
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, (*path, index))


def references(node):
    """Yields the names that a part of a template refers to: resources, parameters and the pseudo parameters of AWS."""
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
    """Ends the program. Prints the problems and fails if there are any, and prints `checked` otherwise."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else print(checked))
