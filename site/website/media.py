"""Uploads in a private S3 bucket."""

from functools import cache

import boto3
from botocore.config import Config
from storages.backends.s3 import S3Storage

from website import aws

CONFIG = Config(
    signature_version="s3v4",
    # The bucket's plain regional name, which the VPC's S3 gateway endpoint routes; AWS_USE_DUALSTACK_ENDPOINT is for
    # other services and would lead around it.
    s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
    use_dualstack_endpoint=False,
    # botocore's own (a minute, five times) would keep an editor waiting for a bucket that can't be reached.
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 3},
)


@cache
def session():
    """boto3's view of the one session; a second one would register its additions to S3's client twice."""
    return boto3.Session(botocore_session=aws.session())


class MediaStorage(S3Storage):
    """
    Files that nobody but the site may write, each read at a signed address that ends after a while.

    Nothing is overwritten and no ACL is set: the bucket has its owner's permissions and nothing else.
    """

    def get_default_settings(self):
        return super().get_default_settings() | {
            "client_config": CONFIG,
            "default_acl": None,
            "file_overwrite": False,
            "querystring_auth": True,
            # Role credentials end, and signatures with them: a longer promise could not be kept.
            "querystring_expire": 3600,
        }

    def _create_session(self):
        # One for all threads: with a session of its own each would load S3's model again, 10 MB and a tenth of a second.
        return session()

    @property
    def connection(self):
        # One for each thread, as boto3 wants it.
        if not hasattr(self._connections, "connection"):
            with aws.lock:
                return super().connection
        return super().connection
