"""An HTTP request as it came, and what is found out about it."""

import gzip
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

CREDENTIAL = re.compile(r"Credential=([^/,\s]*)/[^/]*/[^/]*/([^/]+)/aws4_request")


@dataclass
class Request:
    """Names of headers are in lower case; `path` and `query` are as they were sent, percent-encoded."""

    method: str
    path: str
    query: str = ""
    headers: dict = field(default_factory=dict)
    body: bytes = b""

    def parameters(self):
        """The query string's names and values, in their order."""
        return parse_qsl(self.query, keep_blank_values=True)

    def content(self):
        """The body without the compression that an SDK adds."""
        return gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body

    def signer(self):
        """The access key and the service's name in the signature; None twice for a request that is not signed."""
        text = self.headers.get("authorization", "")
        for name, value in self.parameters():
            if name.lower() == "x-amz-credential":
                text = f"Credential={value}"
        found = CREDENTIAL.search(text)
        return found.groups() if found else (None, None)


@dataclass
class Call:
    """A request as an operation of a service. `problems` are the ways in which it breaks the model, each a sentence."""

    service: str | None = None
    operation: str | None = None
    protocol: str | None = None
    parameters: dict = field(default_factory=dict)
    problems: list = field(default_factory=list)

    def name(self):
        return f"{self.service or 'unknown service'} {self.operation or '(no operation)'}"


class Findings:
    """Collects problems with the place in the request where each is."""

    def __init__(self):
        self.sentences = []

    def add(self, place, sentence):
        self.sentences.append(f"{place or 'the request'} {sentence}")
