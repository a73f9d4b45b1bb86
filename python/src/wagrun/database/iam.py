"""Passwords from IAM. A password is a request to connect that is signed with the credentials of the process
and never sent.
"""

from urllib.parse import quote

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from wagrun import aws

# The maximum of RDS. A token must be valid only when a session is opened; an open session outlives it.
VALID_SECONDS = 900


def token(host: str, port: "str | int", user: str, region: str) -> str:
    """Returns a password for one connection. `host` must be the server's own name: a token for an alias is
    refused.
    """
    with aws.lock:
        credentials = aws.session().get_credentials()
    if credentials is None:
        raise NoCredentialsError
    request = AWSRequest("GET", f"https://{host}:{port}/?Action=connect&DBUser={quote(user, safe='')}")
    # Frozen, so that key and session token belong together, even if the credentials are renewed now.
    signer = SigV4QueryAuth(credentials.get_frozen_credentials(), "rds-db", region, expires=VALID_SECONDS)
    signer.add_auth(request)
    return str(request.url).removeprefix("https://")
