"""Converts single values of URIs, headers, forms, XML, JSON and CBOR to the types of the model."""

import base64
import binascii
import datetime
import re
from email.utils import parsedate_to_datetime

ISO = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
NUMBERS = {"integer", "long", "float", "double", "bigdecimal", "biginteger"}


def from_text(shape, text, place, findings, timestamps):
    """Returns the value of a text. `timestamps` is the format of the protocol in this place, which a shape may override."""
    kind = shape.type_name
    if kind == "boolean":
        if text in ("true", "false"):
            return text == "true"
        findings.add(place, f"is {text!r}, which is neither true nor false")
        return None
    if kind in NUMBERS:
        try:
            return int(text) if kind in ("integer", "long", "biginteger") else float(text)
        except ValueError:
            findings.add(place, f"is {text!r}, which is not of the type {kind}")
            return None
    if kind == "timestamp":
        return timestamp(shape, text, place, findings, timestamps)
    if kind == "blob":
        return decoded(text, place, findings)
    return text


def timestamp(shape, value, place, findings, default):
    """Returns a timestamp unchanged, after a check of its form."""
    form = shape.serialization.get("timestampFormat", default)
    if not _has_form(value, form):
        findings.add(place, f"is {value!r}, which is not a timestamp of the form {form}")
    return value


def _has_form(value, form):
    if form == "unixTimestamp":
        if isinstance(value, str):
            return bool(re.fullmatch(r"-?\d+(\.\d+)?", value))
        return isinstance(value, int | float) and not isinstance(value, bool)
    if form == "cbor":
        return isinstance(value, datetime.datetime)
    if not isinstance(value, str):
        return False
    try:
        if form == "rfc822":
            return value.endswith("GMT") and parsedate_to_datetime(value) is not None
        return bool(ISO.fullmatch(value)) and datetime.datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def decoded(text, place, findings):
    """Returns the bytes of a text in base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError):
        findings.add(place, "is a blob that is not in base64")
        return None
