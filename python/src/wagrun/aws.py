"""The one session with AWS. A module that does not use AWS must not import this, because botocore takes time
to load.
"""

from functools import cache
from threading import Lock

from botocore.session import Session

# Two threads must not use a session at once to find credentials or make a client. They may share the results.
lock = Lock()


@cache
def session() -> Session:
    """Returns the session. It finds the credentials of the process once, in the role of the container or the
    variables of a function, and renews them.
    """
    return Session()
