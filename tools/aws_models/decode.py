"""Reads the operation of a service and its parameters from an HTTP request, by the protocol of the service."""

from urllib.parse import parse_qsl

from botocore.model import OperationNotFoundError

from . import rest
from .documents import from_document, read_cbor, read_json
from .forms import Ec2, Query, from_tree, tree
from .models import protocols, service
from .request import Call, Findings
from .validate import validate


def checked(request):
    """Returns the call of a request, with all problems of its form and of its values."""
    findings = Findings()
    call = Call()
    _, signing_name = request.signer()
    model = service(signing_name) if signing_name else None
    if model is None:
        said = f"is signed for {signing_name}, which botocore does not know" if signing_name else "is not signed"
        findings.add("", f"({request.method} {request.path}) {said}")
    else:
        call.service = model.service_name
        call.protocol = _protocol(model, request)
        operation, call.parameters = _read(model, call.protocol, request, findings)
        if call.protocol not in protocols(model):
            findings.add("", f"speaks {call.protocol}, which {model.service_name} does not")
        if operation is not None:
            call.operation = operation.name
            if operation.input_shape is not None:
                validate(model.service_name, operation.input_shape, call.parameters, findings)
    call.problems = [f"{call.name()}: {sentence}" for sentence in findings.sentences]
    return call


def _protocol(model, request):
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "smithy-rpc-v2-cbor"
    if "x-amz-target" in request.headers:
        return "json"
    if model.metadata["protocol"] == "ec2":
        return "ec2"
    if "query" in protocols(model):
        return "query"
    return model.metadata["protocol"]


def _read(model, protocol, request, findings):
    if protocol == "smithy-rpc-v2-cbor":
        return _cbor(model, request, findings)
    if protocol == "json":
        return _json(model, request, findings)
    if protocol in ("query", "ec2"):
        return _form(model, request, Ec2() if protocol == "ec2" else Query(), findings)
    return rest.read(model, request, findings)


def _cbor(model, request, findings):
    parts = request.path.split("/")
    expected = ["", "service", model.metadata.get("targetPrefix", ""), "operation"]
    if request.method != "POST" or parts[:4] != expected or len(parts) != 5:
        findings.add("", f"is {request.method} {request.path}, which is not POST {'/'.join(expected)}/…")
    if request.headers.get("content-type", "application/cbor") != "application/cbor":
        findings.add("header content-type", f"is {request.headers['content-type']}, not application/cbor")
    operation = _operation(model, parts[-1], findings)
    if operation is None or operation.input_shape is None:
        return operation, {}
    value = read_cbor(request.content(), findings)
    return operation, from_document(operation.input_shape, value, "", findings, "cbor")


def _json(model, request, findings):
    prefix, _, name = request.headers["x-amz-target"].rpartition(".")
    if prefix != model.metadata.get("targetPrefix"):
        findings.add("header x-amz-target", f"begins with {prefix}, not {model.metadata.get('targetPrefix')}")
    wanted = f"application/x-amz-json-{model.metadata.get('jsonVersion')}"
    if request.headers.get("content-type") != wanted:
        findings.add("header content-type", f"is {request.headers.get('content-type')}, not {wanted}")
    if (request.method, request.path) != ("POST", "/"):
        findings.add("", f"is {request.method} {request.path}, not POST /")
    operation = _operation(model, name, findings)
    if operation is None or operation.input_shape is None:
        return operation, {}
    value = read_json(request.content(), findings)
    return operation, from_document(operation.input_shape, value, "", findings, "unixTimestamp")


def _form(model, request, names, findings):
    body = request.content().decode("utf-8", "replace")
    root = tree(parse_qsl(body, keep_blank_values=True) + request.parameters(), findings)
    name = root.pop("Action", {}).get("", "")
    version = root.pop("Version", {}).get("", "")
    if version != model.metadata["apiVersion"]:
        findings.add("Version", f"is {version or 'missing'}, not {model.metadata['apiVersion']}")
    if (request.method, request.path) != ("POST", "/"):
        findings.add("", f"is {request.method} {request.path}, not POST /")
    operation = _operation(model, name, findings)
    if operation is None:
        return None, {}
    if operation.input_shape is None:
        for part in root:
            findings.add(part, f"is not a parameter of {name}, which has none")
        return operation, {}
    return operation, from_tree(names, operation.input_shape, root, "", findings)


def _operation(model, name, findings):
    try:
        return model.operation_model(name)
    except OperationNotFoundError:
        findings.add("", f"names the operation {name or '(none)'}, which {model.service_name} does not have")
        return None
