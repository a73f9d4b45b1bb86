"""Verifies a webhook as its receiver would: with the library of Standard Webhooks, and by hand what that does not know.

Reads {"headers": {…}, "body": "…", "secrets": ["whsec_…"], "public_keys": ["whpk_…"]} from standard input, and ends with 0
when every secret and every public key verifies the webhook.
"""

import base64
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook


def main():
    webhook = json.load(sys.stdin)
    headers, body = webhook["headers"], webhook["body"]
    for secret in webhook["secrets"]:
        # Raises unless one of the signatures is by this secret, and not older than five minutes.
        Webhook(secret).verify(body, headers)
    for key in webhook["public_keys"]:
        if not verifies(key, headers, body):
            sys.exit("no v1a signature by this public key")


def verifies(public_key, headers, body):
    """Whether one of the signatures is v1a by this key."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    for signature in headers["webhook-signature"].split():
        version, _, encoded = signature.partition(",")
        if version != "v1a":
            continue
        try:
            key.verify(base64.b64decode(encoded), signed)
            return True
        except InvalidSignature:
            continue
    return False


if __name__ == "__main__":
    main()
