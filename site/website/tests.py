"""What the deployment relies on; none of it needs a database."""

import os
from unittest import mock

from django.core.exceptions import ImproperlyConfigured
from django.http import Http404
from django.test import RequestFactory, SimpleTestCase

from website.environment import boolean, comma_list, optional, required
from website.media import MediaStorage, media


class HealthTest(SimpleTestCase):
    # SimpleTestCase fails a test that opens a database connection, which is half of what is shown here.

    def test_it_answers_under_any_name_without_the_database(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]):
            response = self.client.get("/health/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual((response.status_code, response.content), (200, b"ok\n"))
        self.assertNotIn("Set-Cookie", response.headers)

    def test_every_other_path_still_checks_the_name(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]):
            response = self.client.get("/healthy/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual(response.status_code, 400)


class MediaTest(SimpleTestCase):
    # Signing is arithmetic: no test here calls S3.

    def setUp(self):
        keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
        environment = mock.patch.dict(os.environ, keys)
        environment.start()
        self.addCleanup(environment.stop)
        self.storage = MediaStorage(bucket_name="bucket", region_name="eu-west-1", signature_version="s3v4", addressing_style="virtual")

    def test_pages_link_to_the_site_itself(self):
        self.assertEqual(self.storage.url("images/a b.jpg"), "/media/images/a%20b.jpg")

    def test_a_link_leads_to_a_signed_address(self):
        with mock.patch("website.media.default_storage", self.storage):
            response = media(RequestFactory().get("/media/images/a.jpg"), "images/a.jpg")
        self.assertEqual(response.status_code, 302)
        self.assertRegex(
            response.url,
            r"^https://bucket\.s3\.eu-west-1\.amazonaws\.com/images/a\.jpg\?.*X-Amz-Expires=3600.*X-Amz-Signature=",
        )
        self.assertEqual(response.headers["Cache-Control"], "public, max-age=3000")

    def test_documents_do_not_pass_by_their_own_view(self):
        with self.assertRaises(Http404):
            media(RequestFactory().get("/media/documents/a.pdf"), "documents/a.pdf")


@mock.patch.dict(os.environ, {"EMPTY": "", "NAME": "value", "LIST": "a, b,,", "TYPO": "yes"}, clear=True)
class EnvironmentTest(SimpleTestCase):
    def test_a_missing_variable_is_named(self):
        for name in ("ABSENT", "EMPTY"):
            with self.assertRaisesMessage(ImproperlyConfigured, f"environment variable {name} is not set"):
                required(name)

    def test_an_empty_variable_counts_as_absent(self):
        self.assertEqual(optional("EMPTY", "default"), "default")
        self.assertEqual(required("NAME"), "value")

    def test_a_boolean_is_spelled_out(self):
        self.assertTrue(boolean("ABSENT", default=True))
        with self.assertRaisesMessage(ImproperlyConfigured, "environment variable TYPO"):
            boolean("TYPO", default=False)

    def test_a_comma_list_has_no_blanks(self):
        self.assertEqual(comma_list("LIST"), ["a", "b"])
        self.assertEqual(comma_list("ABSENT"), [])
