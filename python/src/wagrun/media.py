"""Uploads in a private S3 bucket."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from storages.backends.s3 import S3Storage

from wagrun import aws

CONFIG = Config(
    signature_version="s3v4",
    # The plain regional name of the bucket, which the S3 gateway endpoint of the VPC routes.
    # AWS_USE_DUALSTACK_ENDPOINT is for other services, and would bypass the endpoint.
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    use_dualstack_endpoint=False,
    # The defaults of botocore (a minute, five times) would keep an editor waiting for an unreachable bucket.
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
)


@cache
def session() -> "boto3.Session":
    """Returns a boto3 session on the one botocore session. A second one would register its extensions of S3's
    client twice.
    """
    return boto3.Session(botocore_session=aws.session())


class MediaStorage(S3Storage):  # type: ignore[misc]
    """Files that only the site can write. Each is read at a signed address that expires.

    Nothing is overwritten and no ACL is set: objects have the permissions of the owner of the bucket only.
    """

    def get_default_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = super().get_default_settings()
        return settings | {
            "client_config": CONFIG,
            "default_acl": None,
            "file_overwrite": False,
            "querystring_auth": True,
            # The credentials of a role expire, and the signatures with them. A longer validity could not be
            # kept.
            "querystring_expire": 3600,
        }

    def _create_session(self) -> "boto3.Session":
        # One for all threads. With its own session each thread would load the model of S3 again: 10 MB and a
        # tenth of a second.
        return session()

    @property
    def connection(self) -> Any:
        # One for each thread, as boto3 requires.
        if not hasattr(self._connections, "connection"):
            with aws.lock:
                return super().connection
        return super().connection
