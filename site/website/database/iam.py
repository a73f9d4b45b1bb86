"""Passwords from IAM: a request to connect, signed with the credentials of the process, and never sent."""

from urllib.parse import quote

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from website import aws

# RDS allows no more. Only opening a session needs a valid token; an open one outlives it.
VALID_SECONDS = 900


def token(host, port, user, region):
    """A password for one connection. `host` has to be the server's own name: a token for an alias is refused."""
    with aws.lock:
        credentials = aws.session().get_credentials()
    if credentials is None:
        raise NoCredentialsError
    request = AWSRequest("GET", f"https://{host}:{port}/?Action=connect&DBUser={quote(user, safe='')}")
    # Frozen, so that key and session token are of one set of credentials, should they be renewed now.
    signer = SigV4QueryAuth(credentials.get_frozen_credentials(), "rds-db", region, expires=VALID_SECONDS)
    signer.add_auth(request)
    return request.url.removeprefix("https://")
