"""The neighbours of a resource: resources of the same kind with nearly the same ARN, which a role must not reach."""

ANOTHER_ACCOUNT, ANOTHER_REGION = "999988887777", "eu-west-1"


def neighbours(stack, arn):
    """Returns the neighbours of a resource, by the name of the difference."""
    region = stack.pseudo["AWS::Region"]
    found = {}
    if f":{stack.account}:" in arn:
        found["account"] = arn.replace(f":{stack.account}:", f":{ANOTHER_ACCOUNT}:")
    if f":{region}:" in arn:
        found["region"] = arn.replace(f":{region}:", f":{ANOTHER_REGION}:")
    if stack.name in arn:
        found["other"] = arn.replace(stack.name, "another-stack")
        # A stack whose name begins with this one's.
        found["two"] = arn.replace(stack.name, f"{stack.name}-two")
    return found


def kind(arn):
    """Returns the kind of resource that an ARN names. An action on one resource can be called on others of the same kind."""
    if arn == "*":
        return arn
    _, _, service, _, _, rest = arn.split(":", 5)
    first = rest.replace(":", "/").split("/")[0]
    if service in ("sqs", "sns"):
        return service
    if service == "s3":
        return f"s3 {'object' if '/' in rest else 'bucket'}"
    return f"{service} {first} {'stream' if ':log-stream:' in rest else ''}"
