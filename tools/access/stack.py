"""A deployed template: its policies, with a concrete ARN for each name in them."""

import re

from access.names import END, KINDS, generated
from access.simulator import document
from template import walk
from template_choices import PSEUDO
from template_render import Rendering


class Unknown(Exception):
    """A name that the stack or the table of kinds does not have."""


class Stack:
    """A template that is deployed with these parameters."""

    def __init__(self, translated, parameters, pseudo=PSEUDO, names=None):
        self.pseudo = pseudo
        self.rendering = Rendering(translated, parameters)
        self.rendering.parameters.update(pseudo)
        self.resources = self.rendering.render()["Resources"]
        self.here = f"{pseudo['AWS::Region']}:{pseudo['AWS::AccountId']}"
        self.account, self.name = pseudo["AWS::AccountId"], pseudo["AWS::StackName"]
        # The names of a stack that was really deployed, instead of those of the table.
        self.names = names or {}

    def of_type(self, *kinds):
        """Returns the logical ids of the resources of these types."""
        return [name for name, resource in self.resources.items() if resource["Type"] in kinds]

    def properties(self, logical):
        return self.resources[logical].get("Properties", {})

    def attribute(self, logical, attribute=None):
        """Returns the value of Fn::GetAtt, or of Ref without an attribute."""
        if logical not in self.resources:
            raise Unknown(f"{logical} is not in this stack")
        kind = self.resources[logical]["Type"]
        if kind not in KINDS or (attribute and attribute not in KINDS[kind].attributes):
            raise Unknown(f"tools/access/names.py knows no {kind}.{attribute or 'Ref'}")
        form = KINDS[kind].attributes[attribute] if attribute else KINDS[kind].ref
        return form.format(name=self.physical(logical), here=self.here, account=self.account, stack=self.name, end=END)

    def physical(self, logical):
        """Returns the name that a resource has in AWS."""
        kind = self.resources[logical]["Type"]
        given = self.properties(logical).get(KINDS[kind].named_by)
        return self.names.get(logical) or (self.concrete(given) if given else generated(self.name, logical, kind))

    def concrete(self, node):
        """Returns a part of the template without functions."""
        if isinstance(node, list):
            return [self.concrete(item) for item in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((function, argument),) = node.items()
            if function == "Ref":
                return self.attribute(argument)
            if function == "Fn::GetAtt":
                return self.attribute(*(argument if isinstance(argument, list) else argument.split(".", 1)))
            if function == "Fn::Sub":
                whole, names = argument if isinstance(argument, list) else (argument, {})
                return self.text(whole, self.concrete(names))
            if function == "Fn::Join":
                separator, parts = self.concrete(argument)
                return separator.join(parts)
            if function == "Fn::Split":
                separator, whole = self.concrete(argument)
                return whole.split(separator)
            if function == "Fn::Select":
                index, items = self.concrete(argument)
                return items[int(index)]
            if function.startswith("Fn::"):
                raise Unknown(f"{function} in a policy")
        return {key: self.concrete(value) for key, value in node.items()}

    def texts(self, entry):
        """Returns condition keys as texts. A key with several values has them as a tuple."""
        return {
            name: tuple(self.text(one) for one in value) if isinstance(value, list) else self.text(value)
            for name, value in entry.items()
        }

    def text(self, whole, names=None):
        """Replaces the names in a text as Fn::Sub does. ${Here} is region and account."""
        known = {"Here": self.here, **(names or {})}

        def replace(match):
            return known[match[1]] if match[1] in known else self.attribute(*match[1].split(".", 1))

        return re.sub(r"\$\{([^!}]+)\}", replace, whole)

    def holds(self, condition):
        """Returns true if a condition of the template holds. With "not " before its name, returns true if it does not hold."""
        name = condition.removeprefix("not ")
        return self.rendering.condition(name) != (name != condition)

    # ---------------------------------------------------------------- its policies

    def roles(self):
        return self.of_type("AWS::IAM::Role")

    def identity(self, role):
        """Returns the documents of a role's own policies, wherever they are written."""
        documents = [policy["PolicyDocument"] for policy in self.properties(role).get("Policies", [])]
        for name in self.of_type("AWS::IAM::RolePolicy"):
            if self.properties(name)["RoleName"] == {"Ref": role}:
                documents.append(self.properties(name)["PolicyDocument"])
        return tuple(document(policy) for policy in self.concrete(documents))

    def managed(self, role):
        """Returns the ARNs of the managed policies of a role."""
        return self.concrete(self.properties(role).get("ManagedPolicyArns", []))

    def trust(self, role):
        """Returns the trust policy of a role."""
        return document(self.concrete(self.properties(role)["AssumeRolePolicyDocument"]))

    def resource_policies(self):
        """Returns the documents of the policies of resources, by the logical id of the holder."""
        found = {}
        for name, resource in self.resources.items():
            properties = resource.get("Properties", {})
            if resource["Type"] == "AWS::Lambda::Permission":
                found[name] = document(self.permission(properties))
            elif resource["Type"] not in ("AWS::IAM::Role", "AWS::IAM::RolePolicy"):
                for key in ("PolicyDocument", "RepositoryPolicyText", "ResourcePolicy"):
                    if key in properties:
                        found[name] = document(self.concrete(properties[key]))
        return found

    def permission(self, properties):
        """Returns the statement that Lambda makes of a permission."""
        properties = self.concrete(properties)
        function = properties["FunctionName"]
        arn = function if function.startswith("arn:") else f"arn:aws:lambda:{self.here}:function:{function}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": properties["Principal"]},
            "Action": properties["Action"],
            "Resource": arn,
        }
        condition = {}
        if "SourceAccount" in properties:
            condition["StringEquals"] = {"aws:SourceAccount": properties["SourceAccount"]}
        if "SourceArn" in properties:
            condition["ArnLike"] = {"aws:SourceArn": properties["SourceArn"]}
        if condition:
            statement["Condition"] = condition
        return {"Version": "2012-10-17", "Statement": [statement]}


def conditions_of_policies(translated):
    """Yields the conditions that decide about the policies of roles."""
    for name, resource in translated["Resources"].items():
        if resource["Type"] in ("AWS::IAM::Role", "AWS::IAM::RolePolicy"):
            for _, node in walk(resource):
                if isinstance(node, dict) and "Fn::If" in node:
                    yield node["Fn::If"][0]
            yield from [resource["Condition"]] if "Condition" in resource else []
