"""The one session with AWS; whoever needs none of it does not import this, as botocore takes a while to load."""

from functools import cache
from threading import Lock

from botocore.session import Session

# A session's own work (finding credentials, making a client) is not for two threads at a time; what it made is.
lock = Lock()


@cache
def session():
    """Finds the credentials of the process once, in the container's role or a function's variables, and renews them."""
    return Session()
