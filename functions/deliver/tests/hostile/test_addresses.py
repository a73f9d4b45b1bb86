"""No URL of a subscriber makes deliver call an address that is not on the internet. The kernel's packets are the judge."""

import json

from . import network
from .function import URL_TOKEN, event, webhook
from .network import PUBLIC, PUBLIC_V6

# The hosts of one row differ in their spelling alone.
HOSTS = {
    "loopback, with the Runtime API": (
        "127.0.0.1 127.0.0.1. 127.1 127.0.1 127.255.255.254 127.127.127.127 0177.0.0.1 0177.0.0.01 0x7f.0.0.1 0x7F.0x0.0x0.0x1 "
        "0x7f.1 0x7f000001 0X7F000001 2130706433 017700000001 00000000177.0.0.1 127.0x0.0.01 %31%32%37.0.0.1 127%2E0%2E0%2E1 "
        "１２７.０.０.１ 127。0。0。1 ①②⑦.⓪.⓪.① 127\u200b.0.0.1 127\u00ad.0.0.1"
    ),
    "this host": "0 0. 0.0.0.0 0x0 00 0.0.0.1 0.255.255.255",
    "metadata of instances and tasks, DNS of the VPC, time": (
        "169.254.169.254 169.254.169.254. 169.254.43518 169.16689662 0xa9fea9fe 2852039166 0251.0376.0251.0376 025177524776 "
        "0xA9.0xFE.0xA9.0xFE 169.0xfe.0251.254 169.254.170.2 169.254.170.23 169.254.169.253 169.254.169.123 169.254.0.1 "
        "169.254.100.1 100.100.100.200 192.0.0.192 168.63.129.16.nip.invalid"
    ),
    "private, shared, benchmarking, documentation, relays": (
        "10.0.0.1 10.1 0xa.1 167772161 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 192.168.257 192.168.255.255 "
        "100.64.0.1 100.127.255.254 0x64.0x40.0.1 192.0.0.1 198.18.0.1 198.19.255.254 192.0.2.1 198.51.100.7 203.0.113.9 "
        "192.88.99.1"
    ),
    "multicast, reserved, broadcast": "224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 4294967295 037777777777",
    "IPv6: unspecified, loopback, link-local, site-local, unique local, metadata, multicast, documentation, discard": (
        "[::] [::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [fe80::1] [fe80::a9fe:a9fe] [febf::1] "
        "[fec0::1] [fc00::1] [fd00:ec2::254] [fd00:0ec2:0:0:0:0:0:0254] [FD00:EC2::23] [fdff::1] [ff02::1] [ff05::2] "
        "[2001:db8::1] [3fff::1] [100::1] [5f00::1]"
    ),
    "IPv4 within IPv6: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP": (
        "[::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:169.254.169.254] [0:0:0:0:0:ffff:a9fe:a9fe] [::ffff:10.0.0.1] "
        "[::ffff:8.8.8.8] [::127.0.0.1] [::7f00:1] [::a9fe:a9fe] [::ffff:0:127.0.0.1] [::ffff:0:a9fe:a9fe] [64:ff9b::127.0.0.1] "
        "[64:ff9b::a9fe:a9fe] [64:ff9b::10.0.0.1] [64:ff9b:1::10.0.0.1] [64:ff9b:1::a9fe:a9fe] [2002:7f00:1::] "
        "[2002:a9fe:a9fe::1] [2002:a00:1::1] [2001:0:7f00:1::] [2001:0:4136:e378:8000:63bf:80ff:fffe] [fe80::5efe:10.0.0.1]"
    ),
    "names of this machine": (
        "localhost localhost. LocalHost LOCALHOST localhost.localdomain ip6-localhost intranet metadata metadata.google.internal "
        "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ｌｏｃａｌｈｏｓｔ loc\u00adalhost %6cocalhost lоcalhost"
    ),
}
PORTS = ["", ":443", ":80", ":9001", ":8443", ":22", ":5432", ":0", ":65535"]

# Whole URLs: parts before, after or in place of the host, and other schemes.
URLS = [
    "https:127.0.0.1/", "https:/127.0.0.1/", "https:///127.0.0.1/", "https:////127.0.0.1/", "https:\\\\127.0.0.1\\",
    "https://127.0.0.1\\@example.org/", "https://127.0.0.1?@example.org/", "https://127.0.0.1#@example.org/",
    "https://127.0.0.1;@example.org/", "https://127.0.0.1&@example.org/", "https://12\t7.0.0\n.1/", "  https://127.0.0.1/  ",
    "https://127.0.0.1\r\nHost: example.org/", "https://user@127.0.0.1/", "https://user:password@169.254.169.254/",
    "https://example.org@127.0.0.1/", "https://example.org:443@127.0.0.1/", "https://:x@127.0.0.1/", "https://@127.0.0.1/",
    "https://example.org%40127.0.0.1/", "https://127.0.0.1%00.example.org/", "https://127.0.0.1%0d%0aexample.org/",
    "https://127.0.0.1:65536/", "https://127.0.0.1:-1/", "https://127.0.0.1:٣/", "https://256.0.0.1/", "https://127.0.0.0.1/",
    "https://4294967296/", "https://[::1%25lo]/", "https://[::1%lo]/", "https://[fe80::1%251]/", "https://[fe80::1%lo]/",
    "https://[::ffff:127.0.0.1.]/", "https://[::1/", "https://::1/", "https://[127.0.0.1]/", "https://[v1.127.0.0.1]/",
    "http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
    "HTTP://127.0.0.1/", "ftp://127.0.0.1/", "file:///proc/self/environ", "file://127.0.0.1/proc/self/environ",
    "gopher://127.0.0.1:6379/_", "ws://127.0.0.1/", "wss://127.0.0.1/", "unix:/run/x", "https+unix://%2Frun%2Fx/",
    "data:text/plain,x", "javascript:alert(1)", "blob:https://127.0.0.1/", "view-source:https://127.0.0.1/", "//127.0.0.1/",
    "127.0.0.1", "https://", "https://./", "https://../", "https://%/", "https://\0/", "https://exa mple.org/",
    "https://127.0.0.1/${data.id}", "https://169.254.169.254/latest/${type}/?x=${data.title}", "https://[::1]/${subject}",
    "https://${data.title}/", "https://127.0.0.${data.id}/", "https://${data.title}@127.0.0.1/", "https://127.0.0.1:${data.id}/",
    "https://0x7f.1${source|path}", "https://x.example${data.title}/", "${data.title}", "https:${data.title}",
    "https://xn--/", "https://xn--127-0-0-1/", "https://bücher.example/", "https://xn--bcher-kva.example/", "https://☃/",
    "https://" + "a" * 64 + ".example/", "https://" + "a." * 200 + "example/", "https://" + "1." * 500 + "/",
]  # fmt: skip


def urls():
    for hosts in HOSTS.values():
        for host in hosts.split():
            yield f"https://{host}/latest/meta-data/"
    for host in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "localhost"):
        yield from (f"https://{host}{port}/" for port in PORTS)
    yield from URLS


class AddressesTest(network.Case):
    def test_no_url_calls_an_address_that_is_not_on_the_internet(self):
        deliver = self.deliver()
        # An event may name a host, which a template writes into a URL.
        hostile = event("127.0.0.1")
        count = 0
        for url in urls():
            with self.subTest(url=url):
                outcome, calls = self.calls(deliver, webhook(url), hostile)
                self.assertTrue(outcome.failed, outcome)
                self.assertIn(outcome.outcome, (None, "forbidden", "unreachable", "unrendered"), outcome)
                self.assert_only_names_were_asked(calls)
                count += 1
        self.report(f"{count} hostile URLs, no packet to an address that is not on the internet")

    def test_public_addresses_are_called_so_a_packet_would_have_been_seen(self):
        deliver = self.deliver()
        for host, address in {
            "receiver.example": PUBLIC, PUBLIC: PUBLIC, "2600:1f18::7": PUBLIC_V6, "six.example": PUBLIC_V6,
        }.items():  # fmt: skip
            literal = f"[{host}]" if ":" in host else host
            outcome, calls = self.calls(deliver, webhook(f"https://{literal}/hook"))
            self.assertFalse(outcome.failed, outcome)
            self.assertIn(("tcp", address, 443), calls)

    def test_what_is_hostile_is_answered_here(self):
        # Each address has a listener: without the guard the connection would be made.
        for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1", "100.64.0.1", "192.168.0.1", "fd00:ec2::254", "::1"):
            start = self.packets.here()
            network.connect(address, 443)
            self.assertIn(("tcp", address, 443), self.packets.since(start))

    def test_a_proxy_of_the_environment_is_not_used(self):
        proxy = "http://10.9.9.9:3128"
        names = [name + "_PROXY" for name in ("HTTP", "HTTPS", "ALL")]
        deliver = self.deliver({name: proxy for upper in names for name in (upper, upper.lower())})
        outcome, calls = self.calls(deliver, webhook("https://receiver.example/hook"))
        self.assertFalse(outcome.failed, outcome)
        self.assert_only(calls, PUBLIC)
        outcome, calls = self.calls(deliver, webhook("https://10.9.9.9/hook"))
        self.assertEqual(outcome.outcome, "forbidden")
        self.assert_only_names_were_asked(calls)

    def test_a_redirect_is_followed_nowhere(self):
        deliver = self.deliver()
        targets = [
            "http://169.254.169.254/latest/meta-data/", "https://127.0.0.1:9001/", "https://[::1]/", "http://receiver.example/",
            "https://moves.example/hook", "//10.0.0.1/", "/elsewhere", "https://internal.example/", "file:///etc/passwd",
        ]  # fmt: skip
        for status in (300, 301, 302, 303, 304, 305, 307, 308):
            for target in targets:
                with self.subTest(status=status, target=target):
                    self.moves.location = (status, target)
                    before = self.moves.connections
                    outcome, calls = self.calls(deliver, webhook("https://moves.example/hook"))
                    self.assertEqual((outcome.outcome, outcome.status), ("refused", status), outcome)
                    self.assertEqual(self.moves.connections - before, 1)
                    self.assert_only(calls, network.MOVES)

    def test_other_headers_of_an_answer_cause_no_call(self):
        deliver = self.deliver()
        self.moves.answer = (
            b"HTTP/1.1 200 OK\r\nAlt-Svc: h3=\"10.0.0.1:443\", h2=\"169.254.169.254:443\"\r\nRefresh: 0; url=http://10.0.0.1/\r\n"
            b"Link: <http://10.0.0.1/x>; rel=preload\r\nLocation: http://10.0.0.1/\r\nContent-Location: http://10.0.0.1/\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        for _ in range(2):
            outcome, calls = self.calls(deliver, webhook("https://moves.example/hook"))
            self.assertFalse(outcome.failed, outcome)
            self.assert_only(calls, network.MOVES)

    def test_an_error_tells_the_address_and_not_the_url(self):
        deliver = self.deliver()
        outcome, _ = self.calls(deliver, webhook(f"https://127.0.0.1/hook?token={URL_TOKEN}"))
        self.assertIn("127.0.0.1 is not public (loopback)", outcome.errors())
        self.assertNotIn(URL_TOKEN, json.dumps(outcome.lines))


class NamesTest(network.Case):
    def test_no_answer_of_dns_leads_to_an_address_that_is_not_on_the_internet(self):
        deliver = self.deliver()
        answers = {
            "loopback": ["127.0.0.1"], "metadata": ["169.254.169.254"], "private": ["10.0.0.1"], "shared": ["100.64.0.1"],
            "unspecified": ["0.0.0.0"], "loopback6": ["::1"], "mapped": ["::ffff:169.254.169.254"],
            "mapped-public": ["::ffff:8.8.8.8"], "nat64": ["64:ff9b::a9fe:a9fe"], "metadata6": ["fd00:ec2::254"],
            "link-local6": ["fe80::1"], "both": [PUBLIC, "10.0.0.1"], "both-turned": ["10.0.0.1", PUBLIC],
            "public4-private6": [PUBLIC, "fd00::1"], "private4-public6": ["10.0.0.1", PUBLIC_V6],
            "many-and-one": [f"52.95.1.{number}" for number in range(1, 20)] + ["127.0.0.1"],
            "alias": ["internal.example", "10.0.0.1"], "aliases": ["a.example", "b.example", "internal.example", "127.0.0.1"],
            "alias-of-localhost": ["localhost"], "alias-of-an-address": ["127.0.0.1.example", "127.0.0.1"],
        }  # fmt: skip
        for label, found in answers.items():
            with self.subTest(label):
                name = f"{label}.attacker.example"
                self.dns.names[name] = lambda _, found=found: found
                outcome, calls = self.calls(deliver, webhook(f"https://{name}/"))
                expected = "unreachable" if label == "alias-of-localhost" else "forbidden"
                self.assertEqual(outcome.outcome, expected, outcome)
                self.assert_only_names_were_asked(calls)
                self.assertEqual(self.dns.lookups[name], 1)
        self.report(f"{len(answers)} hostile answers of DNS, no packet to an address that is not on the internet")

    def test_a_name_that_moves_inside_after_the_check_is_called_where_it_was_checked(self):
        deliver = self.deliver()
        self.dns.names["rebinds.attacker.example"] = lambda number: [PUBLIC if number == 0 else "169.254.169.254"]
        self.receiver.close_next()
        outcome, calls = self.calls(deliver, webhook("https://rebinds.attacker.example/"))
        # The connection breaks, which is when a client would look the name up again.
        self.assertEqual(outcome.outcome, "unreachable", outcome)
        self.assert_only(calls, PUBLIC)
        self.assertEqual(self.dns.lookups["rebinds.attacker.example"], 1)
        outcome, calls = self.calls(deliver, webhook("https://rebinds.attacker.example/"))
        self.assertEqual(outcome.outcome, "forbidden", outcome)
        self.assert_only_names_were_asked(calls)

    def test_a_name_that_moves_between_the_requests_of_one_event_is_called_where_it_was_checked(self):
        deliver = self.deliver()
        self.dns.names["twice.attacker.example"] = lambda number: [PUBLIC if number == 0 else "10.0.0.1"]
        subscriber = webhook("https://twice.attacker.example/${each}", for_each=["first", "second"])
        outcome, calls = self.calls(deliver, subscriber)
        self.assertEqual(outcome.outcome, "forbidden", outcome)
        self.assert_only(calls, PUBLIC)

    def test_a_dns_server_that_never_answers_costs_the_time_limit_and_nobody_else(self):
        deliver = self.deliver()
        self.dns.names["silent.attacker.example"] = lambda _: None
        outcome, calls = self.calls(deliver, webhook("https://silent.attacker.example/"))
        self.assertIn(outcome.outcome, ("timeout", "unreachable"), outcome)
        self.assertLess(outcome.attempt["duration_ms"], 16_000)
        self.assert_only_names_were_asked(calls)
        outcome, calls = self.calls(deliver, webhook("https://receiver.example/hook"))
        self.assertFalse(outcome.failed, outcome)
        self.assertLess(outcome.attempt["duration_ms"], 5_000)
