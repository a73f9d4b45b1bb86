"""Finds the operation of a REST protocol by the method, the path and the query string."""

import functools
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from .models import location

LABEL = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class Route:
    operation: object
    method: str
    path: re.Pattern
    # The number of characters of the path outside the labels.
    literal: int
    # The required parts of the query string: (name, value). An empty value stands for any.
    query: tuple
    # The names in the query string and the headers that the operation requires. Without them it is another operation on the
    # same path.
    required: frozenset


@functools.cache
def routes(model):
    """Returns every route of a service."""
    return [_route(model.operation_model(name)) for name in model.operation_names]


def find(model, request):
    """Returns the route of a request and the texts of its labels. Both are None if no operation fits."""
    found = []
    query = dict(request.parameters())
    names = set(query) | set(request.headers)
    for route in routes(model):
        match = route.path.fullmatch(request.path) if route.method == request.method else None
        if match and all(name in query and value in ("", query[name]) for name, value in route.query):
            # Operations on one path differ by their required parts, such as PutObject, UploadPart and CopyObject.
            rank = (len(route.query), route.literal, route.required <= names, len(route.required & names))
            found.append((rank, route, match))
    if not found:
        return None, None
    _, route, match = max(found, key=lambda one: one[0])
    labels = {name: unquote(text) for name, text in match.groupdict().items()}
    return route, labels


def _route(operation):
    template, _, query = operation.http["requestUri"].partition("?")
    pattern, position = "", 0
    for label in LABEL.finditer(template):
        text = ".+" if label[2] else "[^/]+"
        pattern += re.escape(template[position : label.start()]) + f"(?P<{label[1]}>{text})"
        position = label.end()
    pattern += re.escape(template[position:])
    required = set()
    shape = operation.input_shape
    for name in shape.required_members if shape else ():
        member = shape.members[name]
        if location(member) in ("querystring", "header"):
            wire_name = member.serialization.get("name", name)
            required.add(wire_name.lower() if location(member) == "header" else wire_name)
    return Route(
        operation,
        operation.http["method"],
        # Clients of S3 write a slash after the bucket.
        re.compile(pattern + ("/?" if template.endswith("}") and "+}" not in template else "")),
        len(LABEL.sub("", template)),
        tuple(parse_qsl(query, keep_blank_values=True)),
        frozenset(required),
    )
