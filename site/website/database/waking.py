"""
What a database that is waking up answers, and how long to ask again.

A paused Aurora wakes when somebody connects: in about fifteen seconds, or thirty and more when it was paused for a day.
Mostly the connection just takes that long. But clients have also seen it closed, reset, refused as starting up (57P03),
and refused with "no pg_hba.conf entry" (28000), which means something else on any other server. Whoever is first must
not get an error for it.

Everything else is final: a name that does not resolve, a wrong role, database or password, an untrusted certificate.
"""

import logging
import re

from psycopg import OperationalError
from psycopg.errors import ConnectionTimeout

logger = logging.getLogger(__name__)

# In seconds. Within the minute that load balancers wait for an answer, so that the visitor sees ours.
LONGEST_WAKE = 55
# AWS advises a time-out of 30 s or more: an attempt that is merely slow should not be broken off.
LONGEST_ATTEMPT = 30
# The driver takes a shorter time-out for this one.
SHORTEST_ATTEMPT = 2
PAUSES = (0.5, 1, 2)

# libpq keeps no SQLSTATE of a refused connection, so there are only the words; the server's are PostgreSQL's own,
# untranslated, as Aurora's lc_messages is English unless somebody changes it.
_WAKING = re.compile(
    # Nobody answers.
    r"timeout expired|timed out|Connection refused"
    # Reset, or closed in the middle of the greeting, with TLS or without.
    r"|Connection reset by peer|Broken pipe|connection abort"
    r"|server closed the connection unexpectedly|connection has been closed unexpectedly|EOF detected|unexpected eof"
    # 57P03: "starting up", "shutting down", "not yet accepting connections", "in recovery mode".
    r"|the database system is "
    # 28000. "no encryption" in its place is a client without TLS, which stays refused.
    r'|no pg_hba\.conf entry for host "[^"]*", user "[^"]*", database "[^"]*", SSL encryption',
    re.IGNORECASE,
)


def may_be_waking(error):
    """Whether the same attempt may succeed in a few seconds."""
    if isinstance(error, ConnectionTimeout):
        return True
    return isinstance(error, OperationalError) and _WAKING.search(str(error)) is not None


def connect_when_awake(attempt, seconds, *, clock, sleep):
    """
    Calls `attempt(timeout)` until it returns a connection, its error is final, or `seconds` are over.

    An attempt gets no more than what is left of the time, so that the whole ends on time.
    """
    started = clock()
    attempts = 0
    left = seconds
    while True:
        attempts += 1
        try:
            connection = attempt(min(LONGEST_ATTEMPT, int(left)))
        except OperationalError as error:
            pause = PAUSES[min(attempts, len(PAUSES)) - 1]
            left = seconds - (clock() - started) - pause
            if not may_be_waking(error) or left < SHORTEST_ATTEMPT:
                raise
            if attempts == 1:
                logger.warning("the database does not let us in yet, asking again: %s", " ".join(str(error).split()))
            sleep(pause)
        else:
            if attempts > 1:
                logger.info("the database let us in after %.1f s and %d attempts", clock() - started, attempts)
            return connection
