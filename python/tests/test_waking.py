"""The errors that are retried, and the time limit of the retries."""

from unittest import TestCase

from django.db.backends.postgresql.base import Database

from wagrun.database.waking import connect_when_awake, is_retryable

OperationalError, ProgrammingError = Database.OperationalError, Database.ProgrammingError
# psycopg 3 has an error of its own for an attempt without an answer, psycopg2 has not.
ConnectionTimeout = getattr(Database.errors, "ConnectionTimeout", OperationalError)
TO = 'connection failed: connection to server at "10.0.0.7", port 5432 failed: '
NO_ENTRY = 'no pg_hba.conf entry for host "10.0.0.7", user "web", database "site", '

WAKING = [
    ConnectionTimeout("connection timeout expired"),
    OperationalError(TO + "timeout expired"),
    OperationalError(TO + "Connection timed out"),
    OperationalError(TO + "Connection refused\n\tIs the server running on that host?"),
    OperationalError(TO + "could not receive data from server: Connection reset by peer"),
    OperationalError(TO + "SSL SYSCALL error: Connection reset by peer"),
    OperationalError(TO + "SSL SYSCALL error: EOF detected"),
    OperationalError(TO + "SSL error: unexpected eof while reading"),
    OperationalError(TO + "server closed the connection unexpectedly\n\tThis probably means"),
    OperationalError(TO + "SSL connection has been closed unexpectedly"),
    OperationalError(TO + "FATAL:  the database system is starting up"),
    OperationalError(TO + "FATAL:  the database system is shutting down"),
    OperationalError(TO + "FATAL:  the database system is in recovery mode"),
    OperationalError(TO + f"FATAL:  {NO_ENTRY}SSL encryption"),
]
FINAL = [
    OperationalError("failed to resolve host 'database.invalid': [Errno -2] Name or service not known"),
    OperationalError('could not translate host name "database.invalid" to address: Name or service not known\n'),
    OperationalError(TO + "Network is unreachable"),
    OperationalError(TO + 'FATAL:  password authentication failed for user "web"'),
    OperationalError(TO + 'FATAL:  PAM authentication failed for user "web"'),
    OperationalError(TO + f"FATAL:  {NO_ENTRY}no encryption"),
    OperationalError(TO + 'FATAL:  pg_hba.conf rejects connection for host "10.0.0.7", user "web"'),
    OperationalError(TO + 'FATAL:  role "web" does not exist'),
    OperationalError(TO + 'FATAL:  database "site" does not exist'),
    OperationalError(TO + "FATAL:  sorry, too many clients already"),
    OperationalError(TO + "SSL error: certificate verify failed"),
    OperationalError(TO + 'root certificate file "/absent.pem" does not exist'),
    OperationalError(TO + "server does not support SSL, but SSL was required"),
    ProgrammingError("timeout expired"),
]


class MayBeWakingTest(TestCase):
    def test_what_a_waking_database_answers(self):
        for error in WAKING:
            with self.subTest(error):
                self.assertTrue(is_retryable(error))

    def test_what_nobody_should_wait_for(self):
        for error in FINAL:
            with self.subTest(error):
                self.assertFalse(is_retryable(error))


class DeadlineTest(TestCase):
    """Time passes only in `sleep` and in the attempts."""

    def setUp(self):
        self.now = 1000.0
        self.timeouts = []

    def connect(self, attempt, seconds=55):
        def timed(timeout):
            self.timeouts.append(timeout)
            return attempt(timeout)

        return connect_when_awake(timed, seconds, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds):
        self.now += seconds

    def hang(self, timeout):
        self.now += timeout
        raise ConnectionTimeout("connection timeout expired")

    def test_silence_is_borne_until_the_time_is_up(self):
        with self.assertLogs("wagrun.database.waking"), self.assertRaises(ConnectionTimeout):
            self.connect(self.hang)
        self.assertEqual(self.timeouts, [30, 24])
        self.assertLessEqual(self.now, 1055)

    def test_no_attempt_begins_that_could_not_end_in_time(self):
        def refused(_timeout):
            raise OperationalError(TO + "Connection refused")

        with self.assertLogs("wagrun.database.waking"), self.assertRaises(OperationalError):
            self.connect(refused, seconds=10)
        self.assertGreaterEqual(min(self.timeouts), 2)
        self.assertLessEqual(self.now, 1010)

    def test_a_slow_attempt_is_not_broken_off(self):
        def slow(_timeout):
            self.sleep(29)
            return "connection"

        with self.assertNoLogs("wagrun.database.waking"):
            self.assertEqual(self.connect(slow), "connection")

    def test_any_other_error_passes_through(self):
        def broken(_timeout):
            raise RuntimeError

        with self.assertRaises(RuntimeError):
            self.connect(broken)
        self.assertEqual(len(self.timeouts), 1)
