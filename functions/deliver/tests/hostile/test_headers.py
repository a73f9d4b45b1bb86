"""The headers of a subscriber, and what else gets into the head of a request. The receiver sees every byte."""

import base64
import hashlib
import hmac
import json
import os
import unittest

from .function import SECRET, Deliver, event, webhook
from .receivers import Receiver, head

# Headers that deliver or the connection sets (docs/subscribers.md).
OWN = [
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "webhook-id", "webhook-signature", "webhook-timestamp",
]  # fmt: skip
EVERY_REQUEST = ["accept", "content-length", "content-type", "host", "user-agent", "webhook-id", "webhook-signature", "webhook-timestamp"]


class HeadersTest(unittest.TestCase):
    def setUp(self):
        self.receiver = Receiver()
        self.addCleanup(self.receiver.stop)
        self.deliver = Deliver(os.environ["DELIVER"], allow_http=True)
        self.addCleanup(self.deliver.stop)

    def attempt(self, sent=None, **fields):
        self.receiver.requests.clear()
        return self.deliver.attempt(webhook(self.receiver.url(), **fields), sent)

    def refused(self, place, sent=None, **fields):
        """The parameter is refused, the error names the place, and nothing is called."""
        before = self.receiver.connections
        outcome = self.attempt(sent, **fields)
        self.assertTrue(outcome.failed)
        self.assertIn(place, outcome.errors())
        self.assertEqual(self.receiver.connections, before)

    def test_values_and_names_that_break_the_head_are_refused_by_name(self):
        values = [
            "a\r\nX-Other: b", "a\nX-Other: b", "a\rX-Other: b", "a\r\n\r\nGET / HTTP/1.1", "\r\n", "a\0b", "a\x7fb", "a\x0bb", "\x1b[2J",
            "",
        ]  # fmt: skip
        for value in values:
            with self.subTest(value=value):
                self.refused("headers.X-Token: ", headers={"X-Token": value})
        names = ["", " ", "a b", "a:b", "X-A: b\r\nX-C", "X\r\n", "\n", "X\0", "Zürich", "(x)", "x@y", "x/y", "x=y", "{x}", '"x"', "\t", "X-A "]
        for name in names:
            with self.subTest(name=name):
                self.refused(f"headers.{name}: is not the name of a header", headers={name: "a"})

    def test_headers_of_deliver_and_of_the_connection_are_refused_in_every_spelling(self):
        for own in OWN:
            for name in {own, own.upper(), own.title()}:
                with self.subTest(name=name):
                    self.refused(f"headers.{name}: is a header that deliver sets itself", headers={name: "chunked"})

    def test_a_header_is_sent_as_it_is_and_changes_nothing_else(self):
        values = {
            "X-Long": "x" * 7000, "X-Tab": "a\tb", "X-Percent": "%0d%0aX-Other: b", "X-Escaped": "\\r\\nX-Other: b", "X-Colon": ": a: b",
            "X-Placeholder": "${data.title}", "Content-Encoding": "gzip", "Authorization": "Bearer ~!@#$%^&*()", "Cookie": "a=b",
            "X-Forwarded-For": "127.0.0.1", "X-Http-Method-Override": "DELETE", "Range": "bytes=0-", "X-Original-Url": "/admin",
        }  # fmt: skip
        hostile = event("a\r\nX-Other: b")
        for name, value in values.items():
            with self.subTest(name=name):
                outcome = self.attempt(hostile, headers={name: value})
                self.assertFalse(outcome.failed, outcome)
                self.assert_whole(hostile, (name.lower(), value))

    def test_a_value_that_is_not_ascii_is_sent_as_utf_8(self):
        # No byte of these is one that ends a line.
        for value in ("Zürich", "\u2028", "a\u0085b", "č\u010a", "\U0001f600"):
            with self.subTest(value=value):
                sent = event()
                self.assertFalse(self.attempt(sent, headers={"X-Token": value}).failed)
                self.assert_whole(sent, ("x-token", value.encode().decode("latin-1")))

    def test_two_spellings_of_one_name_are_sent_once(self):
        sent = event()
        self.assertFalse(self.attempt(sent, headers={"X-Token": "a", "x-token": "b"}).failed)
        self.assert_whole(sent, ("x-token", "b"))

    def test_content_type_and_user_agent_are_replaced_and_not_repeated(self):
        for name, value in (("Content-Type", "text/plain"), ("User-Agent", "other"), ("Accept", "none")):
            sent = event()
            self.assertFalse(self.attempt(sent, headers={name: value}).failed)
            self.assert_whole(sent, (name.lower(), value))

    def test_many_headers_are_sent_each_once(self):
        sent = event()
        headers = {f"X-{number}": "v" for number in range(500)}
        self.assertFalse(self.attempt(sent, headers=headers).failed)
        self.assert_whole(sent, *((name.lower(), value) for name, value in headers.items()))

    def test_a_value_of_the_event_stays_in_its_part_of_the_first_line(self):
        titles = ["a b", "a\r\nX-Other: b", "a\r\n\r\nGET / HTTP/1.1\r\n\r\n", "a HTTP/1.1\r\nHost: other", "../..", "%2e%2e", "a\0b", "é", "a#b?c&d"]
        for title in titles:
            with self.subTest(title=title):
                self.receiver.requests.clear()
                url = self.receiver.url(path="/before/${data.title}?q=${data.title}")
                outcome = self.deliver.attempt(webhook(url), event(title))
                for request in self.receiver.requests:
                    first, headers = head(request)
                    self.assertRegex(first, rb"^POST /before/[!-~]+\?q=[!-~]+ HTTP/1\.1$")
                    self.assertEqual(first.count(b"/"), 3)
                    self.assertEqual(sorted(name.decode() for name, _ in headers), EVERY_REQUEST)
                self.assertEqual(len(self.receiver.requests), 0 if outcome.failed else 1)

    def test_methods_and_secrets_that_break_the_head_are_refused(self):
        for method in ("POST / HTTP/1.1\r\nX-Other: b\r\n\r\n", "GET", "CONNECT", "TRACE", "post", "", "P\0ST"):
            with self.subTest(method=method):
                self.refused("method: ", method=method)
        for secret in ("whsec_\r\n", "whsec_é", "", "whsec_"):
            with self.subTest(secret=secret):
                self.refused("secrets[0]: ", secrets=[secret])

    def test_an_event_whose_id_breaks_the_head_is_not_sent(self):
        for identifier in ("a\r\nX-Other: b", "é", "", "\0"):
            with self.subTest(identifier=identifier):
                outcome = self.attempt(event() | {"id": identifier})
                self.assertTrue(outcome.failed)
                self.assertEqual(self.receiver.connections, 0)

    def assert_whole(self, sent, *added):
        """One request came. Its head has what every request has and these, each once, and its signed body is the event."""
        (request,) = self.receiver.requests
        first, headers = head(request)
        self.assertEqual(first, b"POST /hook?token=token-of-the-url HTTP/1.1")
        headers = sorted((name.decode(), value.decode("latin-1")) for name, value in headers)
        names = [name for name, _ in headers]
        self.assertEqual(names, sorted({*EVERY_REQUEST, *(name for name, _ in added)}))
        headers = dict(headers)
        for name, value in added:
            self.assertEqual(headers[name], value)
        body = request.partition(b"\r\n\r\n")[2]
        self.assertEqual(json.loads(body), sent)
        self.assertEqual(headers["content-length"], str(len(body)))
        self.assertEqual(headers["host"], f"127.0.0.1:{self.receiver.port}")
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        self.assertEqual(headers["webhook-signature"], f"v1,{expected}")
