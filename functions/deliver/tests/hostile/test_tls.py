"""A receiver whose TLS is not in order gets no request, and not a byte of one."""

import socket
import ssl
from datetime import timedelta
from pathlib import Path

from .cases import Case, http
from .certificates import Authority
from .function import HEADER_TOKEN, webhook


class TlsTest(Case):
    def attempt(self, deliver, receiver):
        return deliver.attempt(webhook(receiver.url("https"), headers={"Authorization": f"Bearer {HEADER_TOKEN}"}))

    def test_a_good_certificate_is_taken(self):
        receiver = self.receiver(certificate=self.authority.issue("good", "127.0.0.1"))
        outcome = self.attempt(self.deliver(), receiver)
        self.assert_outcome(outcome, "delivered", 204)
        self.assertEqual(len(receiver.requests), 1)

    def test_a_bad_certificate_gets_no_request(self):
        other = Authority(Path(self.directory.name), "other")
        day = timedelta(days=1)
        certificates = {
            "expired": self.authority.issue("expired", "127.0.0.1", begins=-2 * day, ends=-day),
            "not yet valid": self.authority.issue("future", "127.0.0.1", begins=day, ends=2 * day),
            "another name": self.authority.issue("name", "example.org", "127.0.0.2"),
            "another authority": other.issue("other-receiver", "127.0.0.1"),
            "signed by itself": self_signed(self.directory.name),
        }
        deliver = self.deliver()
        for label, certificate in certificates.items():
            with self.subTest(label):
                receiver = self.receiver(certificate=certificate)
                self.assert_outcome(self.attempt(deliver, receiver), "unreachable")
                self.assertEqual(receiver.requests, [])
                self.assert_others_are_unaffected(deliver)

    def test_a_broken_handshake_gets_no_request(self):
        # ServerHello and alerts as old and as broken servers send them.
        hello = b"\x02\0\0\x26" + b"\x03%c" + bytes(32) + b"\0" + b"\xc0\x13" + b"\0"
        handshakes = {
            "TLS 1.0": record(22, hello % 1), "TLS 1.1": record(22, hello % 2), "SSL 3.0": record(22, hello % 0),
            "an alert": record(21, b"\x02\x28"), "close_notify": record(21, b"\x01\0"), "cut": record(22, hello % 3)[:10], "nothing": b"",
            "plain HTTP": http(b"200 OK"), "plain 400": http(b"400 The plain HTTP request was sent to HTTPS port"),
            "a certificate at once": record(22, b"\x0b\0\0\x03\0\0\0"), "data at once": record(23, http(b"200 OK")),
            "a record that is too long": b"\x16\x03\x03\xff\xff" + bytes(65_535), "no TLS": b"SSH-2.0-x\r\n",
        }  # fmt: skip
        deliver = self.deliver()
        for label, answer in handshakes.items():
            with self.subTest(label):
                seen = []

                def behavior(connection, answer=answer, seen=seen):
                    seen.append(connection.socket.recv(65_536))
                    connection.send(answer)
                    # The peer has to be able to say why it ends.
                    connection.socket.shutdown(socket.SHUT_WR)
                    while read := connection.socket.recv(65_536):
                        seen.append(read)

                receiver = self.receiver(behavior, reads=False)
                self.assert_outcome(self.attempt(deliver, receiver), "unreachable")
                self.assertTrue(seen)
                for secret in (HEADER_TOKEN.encode(), b"/hook", b"webhook"):
                    self.assertNotIn(secret, b"".join(seen))
                # HTTP/2 is not built in, so none of its attacks is possible.
                self.assertNotIn(b"\x02h2", seen[0])
                self.assert_others_are_unaffected(deliver)

    def test_a_server_that_asks_for_a_certificate_gets_no_request(self):
        receiver = self.receiver(certificate=self.authority.issue("asks", "127.0.0.1"))
        receiver.context.verify_mode = ssl.CERT_REQUIRED
        receiver.context.load_verify_locations(self.authority.file)
        receiver.context.maximum_version = ssl.TLSVersion.TLSv1_2
        deliver = self.deliver()
        self.assert_outcome(self.attempt(deliver, receiver), "unreachable")
        self.assertEqual(receiver.requests, [])
        self.assert_others_are_unaffected(deliver)

    def test_a_connection_that_is_cut_without_a_farewell_counts_by_its_status(self):
        def cut(connection):
            connection.send(http(b"200 OK", b"Content-Length: 100", body=b"cut"))
            connection.socket.detach()

        receiver = self.receiver(cut, certificate=self.authority.issue("cut", "127.0.0.1"))
        deliver = self.deliver()
        self.assert_outcome(self.attempt(deliver, receiver), "delivered", 200)
        self.assert_others_are_unaffected(deliver)


def record(kind, body):
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


def self_signed(directory):
    authority = Authority(Path(directory), "itself")
    return authority.issue_itself("127.0.0.1")
