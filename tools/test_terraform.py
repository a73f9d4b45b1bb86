#!/usr/bin/env python3
"""Checks the HCL of docs/terraform.md against the template: tools/test_terraform.py. Runs with .local/venv/contract.

The parser of HCL knows the syntax, but no provider. So a misspelt argument of a resource is not found here.
"""

import re
import unittest
from pathlib import Path

import hcl2
import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/terraform.md").read_text()
BLOCKS = re.findall(r"^```hcl\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


class Template(yaml.SafeLoader):
    """Reads a template, and leaves its functions out."""


Template.add_multi_constructor("!", lambda loader, suffix, node: None)
TEMPLATE = yaml.load((ROOT / "template.yaml").read_text(), Template)


def plain(value):
    """Returns a text without the quotes that some versions of the parser keep."""
    return value.strip('"') if isinstance(value, str) else value


class TerraformTest(unittest.TestCase):
    def test_each_block_is_hcl(self):
        self.assertEqual(len(BLOCKS), 2)
        for block in BLOCKS:
            self.assertTrue(hcl2.loads(block))

    def test_the_parameters_are_those_of_the_template(self):
        stack = next(
            body["wagrun"]
            for resource in hcl2.loads(BLOCKS[0])["resource"]
            for kind, body in resource.items()
            if plain(kind) == "aws_cloudformation_stack"
            for body in [{plain(name): it for name, it in body.items()}]
        )
        parameters = {plain(name): plain(value) for name, value in stack["parameters"].items() if not name.startswith("__")}
        self.assertGreater(len(parameters), 3)
        for name, value in parameters.items():
            known = TEMPLATE["Parameters"][name]
            if value.startswith("${"):
                continue
            self.assertIn(value, known.get("AllowedValues", [value]), name)
            self.assertRegex(value, known.get("AllowedPattern", ".*"), name)

    def test_the_outputs_are_those_of_the_template(self):
        outputs = re.findall(r'\.outputs\["(\w+)"\]', PAGE)
        self.assertGreater(len(outputs), 3)
        for name in outputs:
            self.assertIn(name, TEMPLATE["Outputs"])

    def test_the_capabilities_are_those_of_sam(self):
        given = re.findall(r'"(CAPABILITY_\w+)"', PAGE)
        self.assertEqual(" ".join(given), re.search(r'capabilities = "([^"]+)"', (ROOT / "samconfig.toml").read_text())[1])


if __name__ == "__main__":
    unittest.main()
