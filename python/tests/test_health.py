"""The health check."""

from django.test import SimpleTestCase


class HealthTest(SimpleTestCase):
    # SimpleTestCase fails a test that opens a database connection, which is half of the proof here.

    def test_it_answers_under_any_name_without_the_database(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]):
            response = self.client.get("/health/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual((response.status_code, response.content), (200, b"ok\n"))
        self.assertNotIn("Set-Cookie", response.headers)

    def test_every_other_path_still_checks_the_name(self):
        with self.settings(ALLOWED_HOSTS=["www.example.org"]), self.assertLogs("django.security.DisallowedHost"):
            response = self.client.get("/healthy/", headers={"host": "10.0.0.7:8000"})
        self.assertEqual(response.status_code, 400)
