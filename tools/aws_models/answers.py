"""The answer to a request that violates the model, in the error format of each protocol."""

import json
import struct
from xml.sax.saxutils import escape

CODE = "ValidationException"


def refusal(call):
    """Returns status, headers and body."""
    message = "; ".join(call.problems)
    content_type, body = _form(call, message)
    headers = {"content-type": content_type, "content-length": str(len(body)), "x-amzn-errortype": CODE}
    if call.protocol == "smithy-rpc-v2-cbor":
        headers["smithy-protocol"] = "rpc-v2-cbor"
    return 400, headers, body


def _form(call, message):
    if call.protocol == "smithy-rpc-v2-cbor":
        fields = {"__type": CODE, "message": message}
        return "application/cbor", b"\xa2" + b"".join(_text(part) for pair in fields.items() for part in pair)
    error = f"<Error><Type>Sender</Type><Code>{CODE}</Code><Message>{escape(message)}</Message></Error>"
    if call.service == "s3":
        return "application/xml", error.encode()
    if call.protocol == "ec2":
        return "text/xml", f"<Response><Errors>{error}</Errors><RequestID>none</RequestID></Response>".encode()
    if call.protocol in ("query", "rest-xml"):
        return "text/xml", f"<ErrorResponse>{error}<RequestId>none</RequestId></ErrorResponse>".encode()
    return "application/json", json.dumps({"__type": CODE, "message": message, "Message": message}).encode()


def _text(value):
    """Returns a text in CBOR."""
    data = value.encode()
    if len(data) < 24:
        return bytes([0x60 + len(data)]) + data
    return b"\x7a" + struct.pack(">I", len(data)) + data
