"""An HTTP request as it was received, and the problems that are found in it."""

import gzip
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

CREDENTIAL = re.compile(r"Credential=([^/,\s]*)/[^/]*/[^/]*/([^/]+)/aws4_request")


@dataclass
class Request:
    """An HTTP request. Names of headers are in lower case; `path` and `query` are as they were sent, percent-encoded."""

    method: str
    path: str
    query: str = ""
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    def parameters(self):
        """Returns the names and values of the query string, in their order."""
        return parse_qsl(self.query, keep_blank_values=True)

    def content(self):
        """Returns the body without the compression of the SDK."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body

    def signer(self):
        """Returns the access key and the signing name of the service in the signature. Both are None for a request that is not
        signed.
        """
        text = self.headers.get("authorization", "")
        for name, value in self.parameters():
            if name.lower() == "x-amz-credential":
                text = f"Credential={value}"
        found = CREDENTIAL.search(text)
        return found.groups() if found else (None, None)


@dataclass
class Call:
    """A request as an operation of a service. `problems` are the violations of the model, each a sentence."""

    service: str | None = None
    operation: str | None = None
    protocol: str | None = None
    parameters: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    def name(self):
        return f"{self.service or 'unknown service'} {self.operation or '(no operation)'}"


class Findings:
    """Collects problems with their place in the request."""

    def __init__(self):
        self.sentences = []

    def add(self, place, sentence):
        self.sentences.append(f"{place or 'the request'} {sentence}")
