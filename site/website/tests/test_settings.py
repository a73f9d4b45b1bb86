"""The settings that follow from the environment, each read by a Python of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import TestCase

SITE = Path(__file__).resolve().parent.parent.parent
NEEDED = {"DATABASE_HOST": "db.example.org", "DATABASE_NAME": "site", "DATABASE_USER": "web"}


def run(code, **variables):
    """Runs code in a process with these variables and no others of ours."""
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
    """The settings of these names, None for one that is not defined."""
    code = f"import json; import website.settings as s; print(json.dumps([getattr(s, n, None) for n in {names}]))"
    result = run(code, **variables)
    if result.returncode:
        raise AssertionError(result.stderr)
    return json.loads(result.stdout)


class DatabaseTest(TestCase):
    def test_a_password_and_the_system_s_own_authorities(self):
        (databases,) = settings("DATABASES", DATABASE_PASSWORD="secret")
        default = databases["default"]
        self.assertEqual(default["ENGINE"], "website.database")
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
