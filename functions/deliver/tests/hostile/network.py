"""The internet of the tests in a namespace, and what they share."""

import os
import socket
import tempfile
import unittest
from pathlib import Path

from .certificates import Authority
from .dns import Dns
from .function import Deliver, webhook
from .packets import MARK, Packets
from .receivers import OK, Receiver

# Addresses by which this machine plays others. All are on the internet by the registries of IANA.
CONTROL, NAMESERVER = "52.95.110.10", "52.95.110.53"
PUBLIC, PUBLIC_V6, MOVES = "52.95.110.1", "2600:1f18::7", "52.95.110.2"
CONTROL_PORT = 9001
NAMES = ["receiver.example", "six.example", "moves.example", "rebinds.attacker.example", "twice.attacker.example"]
HOSTS = (
    "127.0.0.1 localhost localhost.localdomain\n::1 localhost ip6-localhost ip6-loopback\n"
    "10.0.0.5 intranet internal.example\n169.254.169.254 metadata metadata.google.internal instance-data\n"
)  # fmt: skip
# Ports on which every address is listened to. A packet to another port is seen as well.
INSIDE_PORTS = [80, 8443]

world = None


class World:
    """Everything that runs while the tests do."""

    def __init__(self):
        self.packets = Packets()
        self.dns = Dns(NAMESERVER)
        self.directory = tempfile.TemporaryDirectory()
        authority = Authority(Path(self.directory.name), "authority")
        certificate = authority.issue("receiver", *NAMES, PUBLIC, PUBLIC_V6, MOVES)
        self.authority = authority.file
        self.receiver = ClosingReceiver(address=PUBLIC, port=443, certificate=certificate)
        self.receiver_v6 = Receiver(address=PUBLIC_V6, port=443, certificate=certificate)
        self.moves = MovingReceiver(address=MOVES, port=443, certificate=certificate)
        # One socket takes the connections to every other address, IPv4 as well.
        self.inside = [listen_everywhere(port) for port in (443, *INSIDE_PORTS)]
        self.dns.names |= {
            "receiver.example": lambda _: [PUBLIC],
            "six.example": lambda _: [PUBLIC_V6],
            "moves.example": lambda _: [MOVES],
        }
        self.control_port = CONTROL_PORT


class ClosingReceiver(Receiver):
    """Breaks one connection, if asked to."""

    closes = False

    def close_next(self):
        self.closes = True

    def handle(self, connection):
        if self.closes:
            self.closes = False
            connection.close()
        else:
            super().handle(connection)


class MovingReceiver(Receiver):
    """Answers with a redirect, or with `answer`."""

    location = (302, "/")
    answer = None

    def __init__(self, **options):
        super().__init__(self.redirect, **options)

    def redirect(self, connection):
        status, target = self.location
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
        connection.send(self.answer or moved)


def listen_everywhere(port):
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen(4096)
    return listener


def connect(address, port):
    with socket.create_connection((address, port), timeout=10):
        pass


class Case(unittest.TestCase):
    """A test in the namespace."""

    @classmethod
    def setUpClass(cls):
        cls.packets, cls.dns, cls.receiver, cls.moves = world.packets, world.dns, world.receiver, world.moves

    def setUp(self):
        self.moves.answer = None

    def deliver(self, environment=None):
        """A process with the settings of AWS: https alone, and no address inside."""
        environment = {"SSL_CERT_FILE": str(world.authority)} | (environment or {})
        deliver = Deliver(os.environ["DELIVER"], CONTROL, world.control_port, environment=environment)
        world.control_port += 1
        self.addCleanup(deliver.stop)
        # Its start is no part of what is judged: the SDK may look around.
        self.assertFalse(deliver.attempt(webhook("https://receiver.example/hook")).failed)
        return deliver

    def calls(self, deliver, subscriber, event=None):
        """Makes an attempt. Returns its outcome and the calls of the network meanwhile."""
        start = self.packets.here()
        outcome = deliver.attempt(subscriber, event)
        return outcome, self.packets.since(start)

    def assert_only(self, calls, *addresses):
        """The calls went to DNS, to AWS as it is played, and at least one to each of these."""
        expected = {CONTROL, *addresses}
        called = {call.address for call in calls if (call.protocol, call.address, call.port) != ("udp", NAMESERVER, 53)}
        self.assertEqual(called | {CONTROL}, expected, calls)
        for call in calls:
            if call.address in addresses:
                self.assertEqual((call.protocol, call.port), ("tcp", 443), call)

    def assert_only_names_were_asked(self, calls):
        self.assert_only(calls)

    def report(self, text):
        print(f"    {text}", flush=True)

    def tearDown(self):
        self.assertEqual(self.packets.dropped(), 0)
