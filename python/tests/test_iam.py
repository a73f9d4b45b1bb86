"""Compares the token with that of botocore's own RDS client."""

import os
from importlib.util import find_spec
from unittest import SkipTest, TestCase, mock
from urllib.parse import parse_qs, urlsplit

if find_spec("storages") is None:
    raise SkipTest("wagrun[aws] is not installed")

from botocore.exceptions import NoCredentialsError
from botocore.session import Session

from wagrun import aws
from wagrun.database import iam

HOST = "wagrun.cluster-x.eu-central-1.rds.amazonaws.com"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "example",
    "AWS_SESSION_TOKEN": "session+token/=",
    # No variables of the account that runs the tests.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@mock.patch.dict(os.environ, CREDENTIALS, clear=True)
class TokenTest(TestCase):
    def setUp(self):
        aws.session.cache_clear()
        self.addCleanup(aws.session.cache_clear)

    def test_it_is_the_one_that_botocore_makes(self):
        client = Session().create_client("rds", region_name="eu-central-1")
        for user in ("web", "Ünsafe user/+&"):
            # Both use the second of the clock. The test repeats if it has just changed.
            for _ in range(3):
                expected = client.generate_db_auth_token(HOST, 5432, user)
                token = iam.token(HOST, "5432", user, "eu-central-1")
                if token == expected:
                    break
            self.assertEqual(token, expected)

    def test_it_is_good_for_fifteen_minutes_and_one_user(self):
        token = urlsplit("https://" + iam.token(HOST, "5432", "web", "eu-central-1"))
        query = parse_qs(token.query)
        self.assertEqual(token.netloc, HOST + ":5432")
        self.assertEqual((query["Action"], query["DBUser"]), (["connect"], ["web"]))
        self.assertEqual(query["X-Amz-Expires"], ["900"])
        self.assertEqual(query["X-Amz-Security-Token"], ["session+token/="])

    def test_it_is_signed_with_the_credentials_of_now(self):
        # A role's credentials are renewed while the process runs.
        with mock.patch.object(aws, "session") as session:
            credentials = session.return_value.get_credentials.return_value
            keys = []
            for key in ("FIRST", "SECOND"):
                credentials.get_frozen_credentials.return_value = mock.Mock(
                    access_key=key, secret_key="example", token=None
                )
                keys.append(iam.token(HOST, "5432", "web", "eu-central-1").partition("Credential=")[2][:6])
        self.assertEqual(keys, ["FIRST%", "SECOND"])

    def test_without_credentials_it_says_so(self):
        with mock.patch.dict(os.environ):
            for name in CREDENTIALS:
                if name.endswith(("KEY_ID", "ACCESS_KEY", "TOKEN")):
                    del os.environ[name]
            with self.assertRaises(NoCredentialsError):
                iam.token(HOST, "5432", "web", "eu-central-1")
