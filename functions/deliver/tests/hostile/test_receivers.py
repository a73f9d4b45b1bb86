"""What a receiver can do to deliver: it costs an attempt its time limit, a bounded part of the memory, and no other subscriber."""

import gzip
import os
import socket
import threading
import zlib

from .cases import CONNECT_LIMIT, MAX_GROWTH, SLACK, TIME_LIMIT, Case, http
from .function import event, webhook
from .receivers import OK, Receiver, answering

# Answers, and what they count as. The status decides as soon as the head is whole; nothing after it can change that.
ANSWERS = [
    (b"", "unreachable", None), (b"\r\n", "unreachable", None), (b"\0" * 100, "unreachable", None),
    (b"SSH-2.0-OpenSSH_9.0\r\n", "unreachable", None), (b"\x16\x03\x01\x02\0\x01", "unreachable", None),
    (b"ICY 200 OK\r\n\r\n", "unreachable", None), (b"<html>hello</html>", "unreachable", None),
    (b"HTTP/1.1\r\n\r\n", "unreachable", None), (b"HTTP/9.9 200 OK\r\n\r\n", "unreachable", None),
    (b"HTTP/1.1 2OO OK\r\n\r\n", "unreachable", None), (b"HTTP/1.1 -200 OK\r\n\r\n", "unreachable", None),
    (b"HTTP/1.1 20 OK\r\n\r\n", "unreachable", None), (b"HTTP/1.1 2000 OK\r\n\r\n", "unreachable", None),
    (b"HTTP/1.1 099 Low\r\n\r\n", "unreachable", None), (b"HTTP/1.1  200 OK\r\n\r\n", "unreachable", None),
    (b"HTTP/1.1 200 OK\r\n", "unreachable", None), (b"HTTP/1.1 20", "unreachable", None),
    (b"HTTP/1.1 200 OK\r\nX-Half: a", "unreachable", None), (http(b"200 OK", b"X\0: a"), "unreachable", None),
    (http(b"200 OK", b"no colon"), "unreachable", None), (http(b"200 OK", b"X: a\0b"), "unreachable", None),
    (http(b"200 OK", b"Content-Length: 1", b"Content-Length: 2"), "unreachable", None),
    (http(b"200 OK", b"Content-Length: -1"), "unreachable", None), (http(b"200 OK", b"Content-Length: x"), "unreachable", None),
    (http(b"200 OK", b"Content-Length: 99999999999999999999999"), "unreachable", None),
    (http(b"101 Switching Protocols", b"Upgrade: x", b"Connection: upgrade"), "refused", 101),
    (http(b"100 Continue") + http(b"100 Continue") + http(b"500 No"), "refused", 500),
    (http(b"100 Continue") + http(b"103 Early Hints", b"Link: <http://10.0.0.1/>") + http(b"200 OK"), "delivered", 200),
    (http(b"999 Odd"), "refused", 999), (http(b"600 Odd"), "refused", 600), (http(b"299 Odd"), "delivered", 299),
    (b"HTTP/1.0 200 OK\r\n\r\n", "delivered", 200), (b"HTTP/1.1 200\r\n\r\n", "delivered", 200), (b"HTTP/1.1 200 OK\n\n", "delivered", 200),
    (http(b"200 \xff\xfe", b"X-Bytes: \xff\xfe"), "delivered", 200),
    (http(b"200 OK", b"Content-Length: 100", body=b"cut"), "delivered", 200),
    (http(b"500 No", b"Content-Length: 100", body=b"cut"), "refused", 500),
    (http(b"200 OK", b"Transfer-Encoding: chunked", body=b"FFFFFFFFFFFFFFFFFF\r\nx"), "delivered", 200),
    (http(b"200 OK", b"Transfer-Encoding: chunked", body=b"not a size\r\n"), "delivered", 200),
    (http(b"200 OK", b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"), "delivered", 200),
    (http(b"200 OK", b"Content-Encoding: gzip", b"Content-Length: 5", body=b"no gz"), "delivered", 200),
    (http(b"204 No Content", b"Content-Length: 5", body=b"extra"), "delivered", 204),
    (http(b"304 Not Modified", b"ETag: x"), "refused", 304), (http(b"407 Proxy", b"Proxy-Authenticate: Basic"), "refused", 407),
    (http(b"401 No", b"WWW-Authenticate: Negotiate"), "refused", 401), (http(b"426 Upgrade Required", b"Upgrade: h2c"), "refused", 426),
    (http(b"421 Misdirected Request"), "refused", 421), (http(b"408 Request Timeout"), "refused", 408),
]  # fmt: skip


class AnswersTest(Case):
    def test_each_answer_counts_as_what_it_is(self):
        deliver = self.deliver()
        for answer, expected, status in ANSWERS:
            with self.subTest(answer=answer):
                receiver = self.receiver(answering(answer))
                self.assert_outcome(deliver.attempt(webhook(receiver.url())), expected, status)
                self.assertEqual(receiver.connections, 1)
                self.assert_others_are_unaffected(deliver)

    def test_a_connection_that_is_reset_counts_by_what_came_before(self):
        deliver = self.deliver()
        for sent, expected, status in (
            (b"", "unreachable", None), (b"HTTP/1.1 200", "unreachable", None), (b"HTTP/1.1 200 OK\r\nX: a\r\n", "unreachable", None),
        ):  # fmt: skip

            def reset(connection, sent=sent):
                connection.send(sent)
                connection.reset()

            with self.subTest(sent=sent):
                receiver = self.receiver(reset)
                self.assert_outcome(deliver.attempt(webhook(receiver.url())), expected, status)
                self.assert_others_are_unaffected(deliver)

    def test_what_follows_an_answer_reaches_no_other_request(self):
        gone = http(b"410 Gone", b"Content-Length: 0")
        keep = http(b"200 OK", b"Content-Length: 0", b"Connection: keep-alive", b"Keep-Alive: timeout=600, max=100")
        cookies = http(b"200 OK", b"Set-Cookie: session=of-the-attacker; Path=/", b'ETag: "x"', b"Content-Length: 0")
        deliver = self.deliver()
        for answer in (keep, keep + gone, keep + gone * 100, http(b"204 No Content") + gone, cookies + gone, keep + OK[:7]):

            def stays(connection, answer=answer):
                connection.send(answer)
                connection.wait()

            with self.subTest(answer=answer):
                receiver = self.receiver(stays)
                # Both attempts, and each of the three requests of one event, have a connection of their own.
                for _ in range(2):
                    outcome = deliver.attempt(webhook(receiver.url()))
                    self.assert_outcome(outcome, "delivered", outcome.status)
                outcome = deliver.attempt(webhook(receiver.url(path="/${each}"), for_each=["a", "b", "c"]))
                self.assert_outcome(outcome, "delivered", outcome.status)
                self.assertEqual((receiver.connections, len(receiver.requests)), (5, 5))
                for request in receiver.requests:
                    self.assertNotIn(b"of-the-attacker", request)
                self.assert_others_are_unaffected(deliver)
        # Nobody was switched off by the 410 that belongs to no request.
        self.assertNotIn("AmazonSSM.PutParameter", [operation for operation, _ in deliver.aws])


class SizesTest(Case):
    def test_no_answer_takes_more_than_a_bounded_part_of_the_memory(self):
        zeros = zlib.compressobj(wbits=-15)
        deflated = zeros.compress(bytes(64 << 20)) + zeros.flush(zlib.Z_FULL_FLUSH)
        endless = {
            "body of 2xx": (http(b"200 OK"), b"x" * 65_536, "delivered", 200),
            "body of 5xx": (http(b"500 No"), b"x" * 65_536, "refused", 500),
            "chunks": (http(b"200 OK", b"Transfer-Encoding: chunked"), b"10000\r\n" + b"x" * 65_536 + b"\r\n", "delivered", 200),
            "gzip": (http(b"200 OK", b"Content-Encoding: gzip"), gzip.compress(bytes(64 << 20)), "delivered", 200),
            "deflate": (http(b"500 No", b"Content-Encoding: deflate"), deflated, "refused", 500),
            "br": (http(b"200 OK", b"Content-Encoding: br"), b"\x5b\xff\xff\x01" * 1000, "delivered", 200),
            "zstd": (http(b"200 OK", b"Content-Encoding: zstd"), b"\x28\xb5\x2f\xfd" * 1000, "delivered", 200),
            "gzip within gzip": (
                http(b"200 OK", b"Content-Encoding: gzip, gzip"), gzip.compress(gzip.compress(bytes(64 << 20))), "delivered", 200,
            ),
            "status line": (b"HTTP/1.1 200 ", b"x" * 65_536, "unreachable", None),
            "one header": (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65_536, "unreachable", None),
            "the name of a header": (b"HTTP/1.1 200 OK\r\n", b"x" * 65_536, "unreachable", None),
            "headers": (b"HTTP/1.1 200 OK\r\n", b"X-Another: one\r\n" * 4000, "unreachable", None),
            "no HTTP": (b"", os.urandom(65_536), "unreachable", None),
            "empty lines": (b"", b"\r\n" * 32_768, "unreachable", None),
        }  # fmt: skip
        for label, (begin, rest, expected, status) in endless.items():

            def behavior(connection, begin=begin, rest=rest):
                connection.send(begin)
                connection.repeat(rest)

            with self.subTest(label):
                deliver = self.deliver()
                self.assert_others_are_unaffected(deliver)
                before = deliver.peak_memory()
                outcome = deliver.attempt(webhook(self.receiver(behavior).url()))
                self.assert_outcome(outcome, expected, status)
                self.assertLess(outcome.attempt["duration_ms"], SLACK)
                growth = deliver.peak_memory() - before
                print(f"    {label}: {growth >> 10} KiB", flush=True)
                self.assertLess(growth, MAX_GROWTH)
                self.assert_others_are_unaffected(deliver)


class SlownessTest(Case):
    def test_slow_receivers_cost_an_attempt_its_time_limit(self):
        """All of them at once, each with a process of its own."""
        hints = http(b"103 Early Hints", b"Link: </style.css>; rel=preload") * 100
        behaviors = {
            "no answer": (lambda connection: connection.wait(), TIME_LIMIT),
            "slow status line": (lambda connection: drip(connection, b"HTTP/1.1 200 " + b"x" * 100), TIME_LIMIT),
            "slow headers": (lambda connection: drip(connection, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100), TIME_LIMIT),
            "1xx without end": (lambda connection: connection.repeat(hints), TIME_LIMIT),
            "slow 1xx": (lambda connection: connection.repeat(http(b"100 Continue"), 0.5), TIME_LIMIT),
        }
        receivers = {label: (self.receiver(behavior), "http", limit) for label, (behavior, limit) in behaviors.items()}
        never = lambda connection: connection.wait()  # noqa: E731
        receivers["never reads"] = (self.receiver(never, reads=False, buffer=4096), "http", TIME_LIMIT)
        receivers["no handshake"] = (self.receiver(never, reads=False), "https", CONNECT_LIMIT)
        hello = bytes.fromhex("160303200002001ffc")
        receivers["slow handshake"] = (self.receiver(lambda connection: drip(connection, hello + bytes(100)), reads=False), "https", CONNECT_LIMIT)
        receivers["no connection"] = (self.full(), "http", CONNECT_LIMIT)
        failures = []
        threads = [threading.Thread(target=self.slow, args=(failures, label, *case)) for label, case in receivers.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def slow(self, failures, label, receiver, scheme, limit):
        try:
            deliver, good = self.deliver(), self.receiver()
            self.assert_others_are_unaffected(deliver, good)
            before = deliver.peak_memory()
            # As large as SQS lets an event be.
            outcome = deliver.attempt(webhook(receiver.url(scheme)), event("x" * 200_000))
            self.assert_outcome(outcome, "timeout")
            self.assertLess(abs(outcome.attempt["duration_ms"] - limit), SLACK, outcome)
            growth = deliver.peak_memory() - before
            print(f"    {label}: {outcome.attempt['duration_ms']} ms, {growth >> 10} KiB", flush=True)
            self.assertLess(growth, MAX_GROWTH)
            self.assert_others_are_unaffected(deliver, good)
        except Exception as error:
            failures.append((label, error))

    def full(self):
        """A listener whose backlog is full, so that the kernel answers no further connection."""
        receiver = Receiver.__new__(Receiver)
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        receiver.port = listener.getsockname()[1]
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", receiver.port))
            self.addCleanup(filler.close)
        return receiver


def drip(connection, data):
    for byte in data:
        connection.send(bytes([byte]))
        if connection.wait(0.5):
            return
