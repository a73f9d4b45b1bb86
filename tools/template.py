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
TEMPLATES = (TEMPLATE, ROOT / "dashboard.yaml", ROOT / "ecr.yaml")


def load(text):
    """A template as plain dictionaries and lists, with functions in their long form (Fn::If, Ref)."""
    return yaml_parse(text)


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
