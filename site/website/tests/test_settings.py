"""The settings that follow from the environment. Each test reads them in its own Python process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import TestCase

SITE = Path(__file__).resolve().parent.parent.parent
NEEDED = {"DATABASE_HOST": "db.example.org", "DATABASE_NAME": "site", "DATABASE_USER": "web"}


def run(code, **variables):
    """Runs code in a process with these variables and no others of the site."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SITE), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=SITE,
        env=environment | NEEDED | variables,
        capture_output=True,
        text=True,
        timeout=60,
    )


def settings(*names, **variables):
    """Returns the settings of these names, with None for one that is not defined."""
    code = f"import json; import website.settings as s; print(json.dumps([getattr(s, n, None) for n in {names}]))"
    result = run(code, **variables)
    if result.returncode:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout)


class DatabaseTest(TestCase):
    def test_a_password_and_the_system_s_own_authorities(self):
        (databases,) = settings("DATABASES", DATABASE_PASSWORD="secret")
        default = databases["default"]
        self.assertEqual(default["ENGINE"], "wagrun.database")
        self.assertEqual(default["PASSWORD"], "secret")
        self.assertEqual(default["OPTIONS"], {"sslmode": "verify-full"})
        self.assertEqual(default["CONN_MAX_AGE"], 0)

    def test_iam_and_the_authorities_of_rds(self):
        (databases,) = settings(
            "DATABASES", DATABASE_AUTH="iam", AWS_REGION="eu-central-1", DATABASE_CA_BUNDLE="/rds.pem"
        )
        self.assertEqual(
            databases["default"]["OPTIONS"],
            {"sslmode": "verify-full", "iam_region": "eu-central-1", "sslrootcert": "/rds.pem"},
        )

    def test_authorities_are_for_who_verifies(self):
        (databases,) = settings("DATABASES", DATABASE_SSL_MODE="require", DATABASE_CA_BUNDLE="/rds.pem")
        self.assertEqual(databases["default"]["OPTIONS"], {"sslmode": "require"})

    def test_iam_needs_a_region_and_a_server_that_proves_itself(self):
        for variables, complaint in (
            ({}, "AWS_REGION is not set"),
            ({"AWS_REGION": "eu-central-1", "DATABASE_SSL_MODE": "require"}, "DATABASE_SSL_MODE=verify-full"),
        ):
            result = run("import website.settings", DATABASE_AUTH="iam", **variables)
            self.assertIn(complaint, result.stderr)

    def test_a_typo_is_no_choice(self):
        result = run("import website.settings", DATABASE_AUTH="IAM")
        self.assertIn("environment variable DATABASE_AUTH: 'IAM', expected none or iam", result.stderr)


class MediaTest(TestCase):
    def test_a_directory_without_a_bucket(self):
        storages, root = settings("STORAGES", "MEDIA_ROOT", MEDIA_ROOT="/uploads")
        self.assertEqual(storages["default"], {"BACKEND": "django.core.files.storage.FileSystemStorage"})
        self.assertEqual(root, "/uploads")

    def test_a_bucket(self):
        (storages,) = settings("STORAGES", MEDIA_BUCKET="media", AWS_REGION="eu-central-1")
        self.assertEqual(
            storages["default"],
            {
                "BACKEND": "wagrun.media.MediaStorage",
                "OPTIONS": {"bucket_name": "media", "region_name": "eu-central-1"},
            },
        )

    def test_a_bucket_needs_its_region(self):
        self.assertIn("AWS_REGION is not set", run("import website.settings", MEDIA_BUCKET="media").stderr)


class ServingTest(TestCase):
    SERVE = "import sys, website.wsgi; print(*sorted(sys.modules))"
    TO_SERVE = {"SECRET_KEY": "x", "ALLOWED_HOSTS": "example.org", "PYTHONWARNINGS": "ignore"}

    def loaded(self, **variables):
        result = run(self.SERVE, **self.TO_SERVE, **variables)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.split()

    def test_nothing_of_aws_is_loaded_without_need(self):
        modules = self.loaded()
        for module in ("botocore", "boto3", "storages"):
            self.assertNotIn(module, modules)

    def test_what_is_needed_is_loaded_before_the_fork(self):
        self.assertIn("wagrun.media", self.loaded(MEDIA_BUCKET="media", AWS_REGION="eu-central-1"))
        self.assertIn("wagrun.database.iam", self.loaded(DATABASE_AUTH="iam", AWS_REGION="eu-central-1"))

    def test_what_the_service_lacks_is_named(self):
        for name in ("SECRET_KEY", "ALLOWED_HOSTS"):
            result = run(self.SERVE, **self.TO_SERVE | {name: ""})
            self.assertIn(f"environment variable {name} is not set", result.stderr)


class AddressTest(TestCase):
    NAMES = ("WAGTAILADMIN_BASE_URL", "WAGRUN_HTTPS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")

    def test_an_address_that_is_not_known_yet_is_taken_for_https(self):
        self.assertEqual(settings(*self.NAMES), [None, True, True, True])

    def test_the_site_s_own_address_decides(self):
        for url, https in (("https://www.example.org/", True), ("http://127.0.0.1:8000", False)):
            self.assertEqual(settings(*self.NAMES, SITE_URL=url), [url.rstrip("/"), https, https, https])

    def test_a_local_site_without_an_address_is_http(self):
        self.assertEqual(settings(*self.NAMES, DEBUG="true"), [None, False, False, False])

    def test_an_address_that_is_not_known_is_not_defined(self):
        result = run("import website.settings as s; print(hasattr(s, 'WAGTAILADMIN_BASE_URL'))")
        self.assertEqual(result.stdout.strip(), "False")
