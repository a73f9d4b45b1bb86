"""Retries connections to a database that is waking up.

A paused Aurora wakes at a connection: in about fifteen seconds, or in thirty and more after a pause of a day.
Mostly the connection just takes that long. But clients have also seen it closed, reset, refused as starting up
(57P03), and refused with "no pg_hba.conf entry" (28000), which has another meaning on any other server. The
first visitor must not get an error for it.

All other errors are final: a name that does not resolve, a wrong role, database or password, an untrusted
certificate.
"""

import logging
import re
from collections.abc import Callable
from typing import TypeVar

# The driver that Django uses, psycopg 3 or psycopg2.
from django.db.backends.postgresql import base as postgresql

OperationalError: type[Exception] = postgresql.Database.OperationalError  # type: ignore[attr-defined]
Connection = TypeVar("Connection")

logger = logging.getLogger(__name__)

# In seconds. Less than the minute for which load balancers wait, so the visitor sees the answer of the site.
MAX_WAKE_SECONDS = 55
# AWS recommends a timeout of 30 s or more: an attempt that is only slow should not be cut off.
MAX_ATTEMPT_SECONDS = 30
# The driver raises a shorter timeout to this one.
MIN_ATTEMPT_SECONDS = 2
PAUSES_SECONDS = (0.5, 1, 2)

# libpq keeps no SQLSTATE of a refused connection, only the text. The text of the server is that of PostgreSQL,
# untranslated, because lc_messages of Aurora is English by default.
_WAKING = re.compile(
    # No answer. psycopg raises a ConnectionTimeout with the first of these texts.
    r"timeout expired|timed out|Connection refused"
    # Reset, or closed during the handshake, with TLS or without.
    r"|Connection reset by peer|Broken pipe|connection abort"
    r"|server closed the connection unexpectedly|connection has been closed unexpectedly|EOF detected|unexpected eof"
    # 57P03: "starting up", "shutting down", "not yet accepting connections", "in recovery mode".
    r"|the database system is "
    # 28000. "no encryption" in its place means a client without TLS, which stays refused.
    r'|no pg_hba\.conf entry for host "[^"]*", user "[^"]*", database "[^"]*", SSL encryption',
    re.IGNORECASE,
)


def is_retryable(error: "BaseException | None") -> bool:
    """Returns true if the same attempt may succeed in a few seconds."""
    return isinstance(error, OperationalError) and _WAKING.search(str(error)) is not None


def connect_when_awake(
    attempt: Callable[[int], Connection],
    seconds: float,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> Connection:
    """Calls `attempt(timeout)` until it returns a connection, its error is final, or `seconds` have passed.

    An attempt gets no more than the remaining time, so the whole ends on time.
    """
    started = clock()
    attempts = 0
    left = seconds
    while True:
        attempts += 1
        try:
            connection = attempt(min(MAX_ATTEMPT_SECONDS, int(left)))
        except OperationalError as error:
            pause = PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS)) - 1]
            left = seconds - (clock() - started) - pause
            if not is_retryable(error) or left < MIN_ATTEMPT_SECONDS:
                raise
            if attempts == 1:
                logger.warning(
                    "the database does not accept connections yet, retrying: %s", " ".join(str(error).split())
                )
            sleep(pause)
        else:
            if attempts > 1:
                logger.info(
                    "the database accepted a connection after %.1f s and %d attempts", clock() - started, attempts
                )
            return connection
