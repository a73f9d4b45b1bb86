"""Reads bodies in JSON and CBOR."""

import json

from botocore.parsers import RpcV2CBORParser

from .models import location, members
from .scalars import decoded, timestamp


def read_json(body, findings):
    """Returns the object in a body. An empty body is an object without members."""
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        findings.add("the body", f"is not JSON: {error}")
        return {}
    if not isinstance(value, dict):
        findings.add("the body", "is not a JSON object")
        return {}
    return value


def read_cbor(body, findings):
    """Returns the map in a body."""
    if not body:
        return {}
    parser = RpcV2CBORParser()
    try:
        value = parser.parse_data_item(parser.get_peekable_stream_from_bytes(body))
    except Exception as error:  # The parser raises several types for a damaged body.
        findings.add("the body", f"is not CBOR: {error}")
        return {}
    if not isinstance(value, dict):
        findings.add("the body", "is not a CBOR map")
        return {}
    return value


def from_document(shape, value, place, findings, timestamps):
    """Returns a value with the names of the model instead of the names on the wire. Types that have the same form on the wire
    are left to `validate`.

    `timestamps` is the format of the protocol: unixTimestamp, or cbor, which has its own types for timestamps and blobs.
    """
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        return value
    if kind == "structure" and isinstance(value, dict):
        return _structure(shape, value, place, findings, timestamps)
    if kind == "list" and isinstance(value, list):
        items = enumerate(value)
        return [from_document(shape.member, item, f"{place}[{index}]", findings, timestamps) for index, item in items]
    if kind == "map" and isinstance(value, dict):
        items = value.items()
        return {key: from_document(shape.value, item, f"{place}[{key}]", findings, timestamps) for key, item in items}
    if kind == "timestamp":
        return timestamp(shape, value, place, findings, timestamps)
    if kind == "blob" and isinstance(value, str):
        return decoded(value, place, findings)
    return value


def _structure(shape, value, place, findings, timestamps):
    result, known = {}, members(shape)
    for wire_name, item in value.items():
        inner = f"{place}.{wire_name}" if place else wire_name
        if wire_name not in known or location(known[wire_name][1]) is not None:
            findings.add(inner, f"is not a member of {shape.name}")
        elif item is not None:
            name, member = known[wire_name]
            result[name] = from_document(member, item, inner, findings, timestamps)
    return result
