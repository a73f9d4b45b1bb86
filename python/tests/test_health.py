"""The health check."""

import asyncio

from django.test import AsyncClient, SimpleTestCase


class HealthTest(SimpleTestCase):
    # SimpleTestCase fails a test that opens a database connection, which is half of the proof here.

    def test_it_answers_under_any_name_without_the_database(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"], SECURE_SSL_REDIRECT=True, PREPEND_WWW=True):
            response = self.client.get("/health/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual((response.status_code, response.content), (200, b"ok\n"))
        self.assertNotIn("Set-Cookie", response.headers)

    def test_so_it_does_on_an_async_server(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]):
            response = asyncio.run(AsyncClient().get("/health/", headers={"host": "10.0.0.7:8000"}))
        self.assertEqual((response.status_code, response.content), (200, b"ok\n"))

    def test_every_other_path_still_checks_the_name(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]), self.assertLogs("django.security.DisallowedHost"):
            response = self.client.get("/healthy/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual(response.status_code, 400)
