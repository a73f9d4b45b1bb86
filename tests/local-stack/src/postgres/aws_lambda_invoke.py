"""Sends one Invoke request to the API of Lambda, for the replacement of Aurora's aws_lambda.

Arguments and the fields of the answer are in base64, and `-` if absent:
    connect_timeout_ms request_timeout_ms endpoint function qualifier region invocation_type log_type context payload
    outcome ("ok", "function_error" or "client_error") status payload version log error
It only imports C modules, because `socket` and `json` take longer to import than the request takes.
"""

import _socket
import binascii
import sys
import time

NAMES = "endpoint function qualifier region invocation_type log_type context payload".split()


def percent_encoded(text):
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"
    return "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in text.encode())


def receive(connection, deadline):
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
    return connection.recv(65536)


def exchange(call, connect_timeout, request_timeout):
    host, _, port = (call["endpoint"] or "").removeprefix("http://").rstrip("/").rpartition(":")
    region = call["region"] or "us-east-1"
    path = f"/2015-03-31/functions/{percent_encoded(call['function'])}/invocations"
    if call["qualifier"]:
        path += "?Qualifier=" + percent_encoded(call["qualifier"])
    body = call["payload"].encode()
    headers = {
        "Host": f"{host}:{port}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Amz-Invocation-Type": call["invocation_type"],
        "X-Amz-Log-Type": call["log_type"],
        # An emulator reads the service, the region and the account from this header, and verifies nothing.
        "Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{region}/lambda/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    if call["context"]:
        headers["X-Amz-Client-Context"] = encoded(call["context"])
    head = f"POST {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"

    try:
        connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
        connection.settimeout(connect_timeout)
        connection.connect((host, int(port)))
    except (OSError, ValueError):
        return failure("Unable to connect to endpoint")
    deadline = time.monotonic() + request_timeout
    try:
        connection.sendall(head.encode() + body)
        received = b""
        while b"\r\n\r\n" not in received:
            piece = receive(connection, deadline)
            if not piece:
                return failure("Unable to parse the response")
            received += piece
        lines, _, content = received.partition(b"\r\n\r\n")
        status, *fields = lines.decode("latin-1").split("\r\n")
        answered = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        length = int(answered["content-length"]) if "content-length" in answered else None
        while length is None or len(content) < length:
            piece = receive(connection, deadline)
            if not piece:
                break
            content += piece
    except TimeoutError:
        return failure("Request timeout has been reached")
    except OSError:
        return failure("Network connection has been interrupted")

    if answered.get("transfer-encoding", "").lower() == "chunked":
        content = joined(content)
    content = content.decode("utf-8", "replace")
    code = int(status.split()[1])
    if code >= 300:
        return failure(message_in(content) or f"HTTP response code: {code}")
    error = answered.get("x-amz-function-error")
    outcome = "function_error" if error else "ok"
    return outcome, str(code), content, answered.get("x-amz-executed-version"), answered.get("x-amz-log-result"), error


def failure(message):
    return "client_error", None, None, None, None, message


def joined(chunks):
    content = b""
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if length == 0:
            break
        content += rest[:length]
        chunks = rest[length + 2 :]
    return content


def message_in(content):
    import json

    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return (answer.get("message") or answer.get("Message")) if isinstance(answer, dict) else None


def encoded(text):
    return binascii.b2a_base64(text.encode(), newline=False).decode() if text else "-"


def decoded(text):
    return None if text == "-" else binascii.a2b_base64(text).decode()


connect_timeout_ms, request_timeout_ms, *fields = sys.argv[1:]
call = dict(zip(NAMES, map(decoded, fields), strict=True))
print(*map(encoded, exchange(call, int(connect_timeout_ms) / 1000, int(request_timeout_ms) / 1000)))
