"""The engine, with a server that wakes up."""

import socket
from importlib.util import find_spec
from itertools import count
from types import SimpleNamespace
from unittest import mock, skipIf

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.test import SimpleTestCase

from wagrun.database.base import DatabaseWrapper
from tests.fake_postgresql import close, fake_postgresql, refuse, reset

NO_ENTRY = 'no pg_hba.conf entry for host "10.0.0.7", user "web", database "site", '
LOCALHOST = "127.0.0.1"


def database(port, host=LOCALHOST, **options):
    return DatabaseWrapper(
        {
            "HOST": host,
            "PORT": str(port),
            "NAME": "site",
            "USER": "web",
            "PASSWORD": "",
            "AUTOCOMMIT": True,
            "ATOMIC_REQUESTS": False,
            "CONN_MAX_AGE": 0,
            "CONN_HEALTH_CHECKS": False,
            "TIME_ZONE": None,
            "OPTIONS": {"sslmode": "disable", "gssencmode": "disable", **options},
        },
        alias="waking",
    )


class Sleepless:
    """Replaces the module `time`: sleeping only advances the clock."""

    def __init__(self):
        self.now = 0
        self.slept = []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


class EngineTest(SimpleTestCase):
    def setUp(self):
        self.time = Sleepless()
        self.patch("wagrun.database.base.time", self.time)
        numbers = count(1)
        self.signed = []

        def token(*arguments):
            self.signed.append(arguments)
            return f"token {next(numbers)}"

        # In place of the module, which needs botocore.
        self.patch("wagrun.database.iam", SimpleNamespace(token=token), create=True)

    def patch(self, name, replacement, **options):
        patch = mock.patch(name, replacement, **options)
        patch.start()
        self.addCleanup(patch.stop)

    def test_a_waking_database_lets_the_first_visitor_in(self):
        waking = [
            close,
            reset,
            refuse("57P03", "the database system is starting up"),
            refuse("57P03", "the database system is not yet accepting connections"),
            refuse("28000", NO_ENTRY + "SSL encryption"),
        ]
        with fake_postgresql(*waking) as server:
            connection = database(server.port)
            connection.settings_dict["PASSWORD"] = "secret"
            with self.assertLogs("wagrun.database.waking") as logs:
                connection.connect()
            connection.close()
        self.assertEqual(server.connections, 6)
        self.assertEqual(server.passwords, ["secret"])
        self.assertEqual(self.time.slept, [0.5, 1, 2, 2, 2])
        self.assertEqual(len(logs.output), 2, "one line when it begins, one when it ends")
        self.assertNotIn("secret", "".join(logs.output))

    def test_a_final_answer_is_final_at_once(self):
        for code, text in (
            ("28000", 'role "wbe" does not exist'),
            ("28000", 'PAM authentication failed for user "web"'),
            ("28000", NO_ENTRY + "no encryption"),
            ("28P01", 'password authentication failed for user "web"'),
            ("3D000", 'database "sit" does not exist'),
            ("53300", "sorry, too many clients already"),
        ):
            with self.subTest(text), fake_postgresql(refuse(code, text)) as server:
                with self.assertRaisesMessage(OperationalError, text):
                    database(server.port).ensure_connection()
                self.assertEqual(server.connections, 1)

    @skipIf(find_spec("psycopg") is None, "psycopg2 resolves names in C")
    def test_a_name_that_does_not_resolve_is_final_at_once(self):
        unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        with mock.patch("socket.getaddrinfo", side_effect=unknown) as resolve:
            with self.assertRaisesMessage(OperationalError, "failed to resolve host"):
                database(5432, host="database.invalid").ensure_connection()
        self.assertEqual(resolve.call_count, 1)

    def test_a_database_that_never_wakes_ends_in_its_own_error(self):
        with socket.create_server((LOCALHOST, 0)) as listener:
            port = listener.getsockname()[1]
        with self.assertLogs("wagrun.database.waking"):
            with self.assertRaisesMessage(OperationalError, "Connection refused"):
                database(port).ensure_connection()
        self.assertLessEqual(self.time.now, 55)
        self.assertGreater(self.time.now, 50)

    def test_every_attempt_of_every_connection_has_its_own_token(self):
        with fake_postgresql(close) as server:
            connection = database(server.port, iam_region="eu-central-1")
            with self.assertLogs("wagrun.database.waking"):
                for _ in range(2):
                    connection.connect()
                    connection.close()
        self.assertEqual(server.passwords, ["token 2", "token 3"])
        self.assertEqual(self.signed, [(LOCALHOST, str(server.port), "web", "eu-central-1")] * 3)

    def test_without_iam_nothing_is_signed(self):
        with fake_postgresql() as server:
            connection = database(server.port)
            connection.settings_dict["PASSWORD"] = "secret"
            connection.connect()
            connection.close()
        self.assertEqual((server.passwords, self.signed), (["secret"], []))

    def test_a_pool_is_refused(self):
        with self.assertRaisesMessage(ImproperlyConfigured, "no pool"):
            database(5432, pool=True).connect()
