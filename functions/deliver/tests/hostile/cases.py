"""What the tests of receivers share."""

import os
import tempfile
import unittest
from pathlib import Path

from .certificates import Authority
from .function import Deliver, event, webhook
from .receivers import Receiver, head

# The limit of an attempt and that of its connection, with time for a machine that does other things.
TIME_LIMIT, CONNECT_LIMIT, SLACK = 15_000, 5_000, 4_000
MAX_GROWTH = 4 << 20


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.authority = Authority(Path(self.directory.name), "authority")
        self.good = self.receiver()

    def receiver(self, *arguments, **options):
        receiver = Receiver(*arguments, **options)
        self.addCleanup(receiver.stop)
        return receiver

    def deliver(self):
        environment = {"SSL_CERT_FILE": str(self.authority.file)}
        deliver = Deliver(os.environ["DELIVER"], allow_http=True, environment=environment)
        self.addCleanup(deliver.stop)
        return deliver

    def assert_others_are_unaffected(self, deliver, good=None):
        """Another subscriber of the same process gets its event whole, at once, on a connection of its own."""
        good = good or self.good
        sent, before = event(), good.connections
        outcome = deliver.attempt(webhook(good.url()), sent, name="good")
        self.assertEqual((outcome.failed, outcome.outcome, outcome.status), (False, "delivered", 204), outcome)
        self.assertLess(outcome.attempt["duration_ms"], SLACK)
        self.assertEqual(good.connections, before + 1)
        request = good.requests[-1]
        self.assertIn(sent["id"].encode(), request)
        self.assertEqual({name for name, _ in head(request)[1]} & {b"cookie", b"authorization", b"if-none-match"}, set())

    def assert_outcome(self, outcome, expected, status=None):
        self.assertEqual((outcome.outcome, outcome.status), (expected, status), outcome)
        self.assertEqual(outcome.failed, expected != "delivered")
        counted = [line["Outcome"] for line in outcome.lines if "Deliveries" in line]
        self.assertEqual(counted, [expected])


def http(status, *headers, body=b""):
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", body])
