"""The addresses and requests of the media bucket, without S3 itself."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from importlib.util import find_spec
from unittest import SkipTest, TestCase, mock
from urllib.parse import parse_qs, urlsplit

if find_spec("storages") is None:
    raise SkipTest("wagrun[aws] is not installed")

from wagrun import aws, media

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    # This variable is for the other services of the VPC, and must not affect S3.
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
}


@mock.patch.dict(os.environ, CREDENTIALS, clear=True)
class MediaStorageTest(TestCase):
    def setUp(self):
        for session in (aws.session, media.session):
            session.cache_clear()
            self.addCleanup(session.cache_clear)

    def storage(self, region="eu-central-1"):
        return media.MediaStorage(bucket_name="media", region_name=region)

    def test_an_address_is_signed_and_ends(self):
        url = urlsplit(self.storage().url("images/a b.jpg"))
        query = parse_qs(url.query)
        self.assertEqual(url.netloc, "media.s3.eu-central-1.amazonaws.com")
        self.assertEqual(url.path, "/images/a%20b.jpg")
        self.assertEqual(query["X-Amz-Algorithm"], ["AWS4-HMAC-SHA256"])
        self.assertEqual(query["X-Amz-Expires"], ["3600"])

    def test_every_region_has_its_own_name(self):
        url = urlsplit(self.storage(region="us-east-1").url("a"))
        self.assertEqual(url.netloc, "media.s3.us-east-1.amazonaws.com")

    def test_threads_have_clients_of_their_own_and_one_session(self):
        storage, at_once = self.storage(), Barrier(4)

        def client(_):
            at_once.wait(10)
            return storage.connection.meta.client

        with mock.patch.object(media.boto3, "Session", wraps=media.boto3.Session) as session:
            with ThreadPoolExecutor(4) as threads:
                clients = set(threads.map(client, range(4)))
        self.assertEqual((len(clients), session.call_count), (4, 1))

    def test_an_upload_sets_no_acl_and_overwrites_nothing(self):
        storage = self.storage()
        self.assertFalse(storage.file_overwrite)
        self.assertEqual(storage._get_write_parameters("a.jpg"), {"ContentType": "image/jpeg"})
