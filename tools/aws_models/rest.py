"""Requests of rest-json and rest-xml: members in the path, the query string, the headers and the body."""

from .documents import from_document, read_json
from .models import location
from .routes import find
from .scalars import from_text
from .xml import from_element, read_xml

# The headers and query parameters that every request may have: signature, tracing, and the framing of S3 for a body in pieces.
HEADERS = {
    "x-amz-api-version",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-trailer",
    "x-amz-user-agent",
    "x-amzn-trace-id",
}
QUERY = {"x-id", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-security-token"}
QUERY |= {"x-amz-signature", "x-amz-signedheaders"}


def read(model, request, findings):
    """Returns the operation and its parameters. The operation is None for a request that names no operation."""
    route, labels = find(model, request)
    if route is None:
        findings.add("", f"is {request.method} {request.path}, which is no operation of {model.service_name}")
        return None, {}
    operation, shape = route.operation, route.operation.input_shape
    members = dict(shape.members) if shape else {}
    result = {}
    for name, text in labels.items():
        result[name] = from_text(members[name], text, name, findings, "iso8601")
    _query(route, members, request, result, findings)
    _headers(members, request, result, findings)
    _body(model, operation, members, request, result, findings)
    return operation, result


def _query(route, members, request, result, findings):
    known = {_wire(name, member): (name, member) for name, member in members.items() if location(member) == "querystring"}
    maps = [name for name, member in members.items() if location(member) == "querystring" and member.type_name == "map"]
    literal = {name for name, _ in route.query}
    for wire_name, text in request.parameters():
        if wire_name in literal or wire_name.lower() in QUERY:
            continue
        if wire_name in known:
            name, member = known[wire_name]
            if member.type_name == "list":
                values = result.setdefault(name, [])
                values.append(from_text(member.member, text, f"{name}[{len(values)}]", findings, "iso8601"))
            else:
                result[name] = from_text(member, text, name, findings, "iso8601")
        elif maps:
            result.setdefault(maps[0], {})[wire_name] = text
        else:
            findings.add(f"?{wire_name}", f"is not a parameter of {route.operation.name}")


def _headers(members, request, result, findings):
    seen = set()
    for name, member in members.items():
        if location(member) == "header":
            wire_name = _wire(name, member).lower()
            seen.add(wire_name)
            if wire_name in request.headers:
                text = request.headers[wire_name]
                if member.type_name == "list":
                    texts = [one.strip() for one in text.split(",")]
                    result[name] = [from_text(member.member, one, name, findings, "rfc822") for one in texts]
                elif "jsonvalue" in member.metadata:
                    result[name] = text
                else:
                    result[name] = from_text(member, text, name, findings, "rfc822")
        elif location(member) == "headers":
            prefix = member.serialization.get("name", "").lower()
            found = {key[len(prefix) :]: text for key, text in request.headers.items() if key.startswith(prefix)}
            seen.update(prefix + key for key in found)
            if found:
                result[name] = found
    for header in request.headers:
        if header.startswith(("x-amz-", "x-amzn-")) and header not in seen | HEADERS:
            findings.add(f"header {header}", "is known to no member of the operation")


def _body(model, operation, members, request, result, findings):
    body = request.content()
    shape = operation.input_shape
    payload = shape.serialization.get("payload") if shape else None
    is_xml = model.metadata["protocol"] == "rest-xml"
    if payload is None:
        in_body = [name for name, member in members.items() if location(member) is None]
        if body.strip() and not in_body:
            if body.strip() != b"{}" or is_xml:
                findings.add("the body", f"is not empty, and {operation.name} takes none")
        elif is_xml and body:
            root = read_xml(body, shape.serialization.get("name", shape.name), findings)
            result.update(from_element(shape, root, "", findings) if root is not None else {})
        elif in_body:
            result.update(from_document(shape, read_json(body, findings), "", findings, "unixTimestamp"))
        return
    member = members[payload]
    if not body:
        return
    if member.type_name == "blob":
        result[payload] = body
    elif member.type_name == "string":
        result[payload] = body.decode("utf-8", "replace")
    elif is_xml:
        root = read_xml(body, member.serialization.get("name", member.name), findings)
        result[payload] = from_element(member, root, payload, findings) if root is not None else None
    else:
        result[payload] = from_document(member, read_json(body, findings), payload, findings, "unixTimestamp")


def _wire(name, member):
    return member.serialization.get("name", name)
