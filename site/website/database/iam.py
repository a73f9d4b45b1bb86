"""Passwords from IAM: a request to connect, signed with the credentials of the process, and never sent."""

from functools import cache
from threading import Lock
from urllib.parse import quote

# RDS allows no more. Only opening a session needs a valid token; an open one outlives it.
VALID_SECONDS = 900

_lock = Lock()


@cache
def _session():
    # Imported with the first connection, as nothing else here needs botocore.
    from botocore.session import Session

    return Session()


def _credentials():
    from botocore.exceptions import NoCredentialsError

    # Found once, in the container's role or a Lambda function's variables; botocore renews them by itself.
    with _lock:
        credentials = _session().get_credentials()
    if credentials is None:
        raise NoCredentialsError
    return credentials.get_frozen_credentials()


def token(host, port, user, region):
    """A password for one connection. `host` has to be the server's own name: a token for an alias is refused."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest("GET", f"https://{host}:{port}/?Action=connect&DBUser={quote(user, safe='')}")
    SigV4QueryAuth(_credentials(), "rds-db", region, expires=VALID_SECONDS).add_auth(request)
    return request.url.removeprefix("https://")
