"""The page of a site whose database does not wake in time."""

import psycopg
from django.db import OperationalError
from django.test import Client, SimpleTestCase, override_settings
from django.urls import path


def fail(request):
    try:
        raise psycopg.OperationalError(request.GET["error"])
    except psycopg.OperationalError as cause:
        # As Django's backends do.
        raise OperationalError(str(cause)) from cause


def fail_otherwise(request):
    raise RuntimeError


urlpatterns = [path("database/", fail), path("other/", fail_otherwise)]
handler500 = "website.errors.server_error"


@override_settings(ROOT_URLCONF=__name__)
class ServerErrorTest(SimpleTestCase):
    def setUp(self):
        self.client = Client(raise_request_exception=False)

    def get(self, path):
        with self.assertLogs("django.request"):
            return self.client.get(path)

    def test_a_database_that_is_still_waking_is_worth_a_moment(self):
        response = self.get("/database/?error=FATAL: the database system is starting up")
        self.assertEqual((response.status_code, response["Retry-After"]), (503, "10"))
        self.assertEqual(response["Cache-Control"], "no-store")
        self.assertContains(response, '<meta http-equiv="refresh" content="10">', status_code=503)

    def test_anything_else_is_an_error(self):
        for path in ("/database/?error=password authentication failed", "/other/"):
            with self.subTest(path):
                response = self.get(path)
                self.assertEqual(response.status_code, 500)
                self.assertNotIn("Retry-After", response.headers)
