"""Resources that a role might take for its own: the same kind and nearly the same ARN."""

ANOTHER_ACCOUNT, ANOTHER_REGION = "999988887777", "eu-west-1"


def neighbours(stack, arn):
    """The resources beside this one, by the name of the difference."""
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
    """The kind of resource that an ARN names. An action that takes one takes others of the same kind."""
    if arn == "*":
        return arn
    _, _, service, _, _, rest = arn.split(":", 5)
    first = rest.replace(":", "/").split("/")[0]
    if service in ("sqs", "sns"):
        return service
    if service == "s3":
        return f"s3 {'object' if '/' in rest else 'bucket'}"
    return f"{service} {first} {'stream' if ':log-stream:' in rest else ''}"
