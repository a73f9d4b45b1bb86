"""The modules that are loaded at a start. Each test starts a Python process of its own."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from unittest import TestCase, skipIf

PYTHON = Path(__file__).resolve().parent.parent
AWS = ["botocore", "boto3", "storages"]
INTERESTING = [*AWS, "wagrun.database.base", "wagrun.database.iam", "wagrun.media", "wagtail.models"]


def loaded(code, settings=""):
    """Returns which of INTERESTING are loaded after this code, in a site with these additional settings."""
    program = (
        "import sys, types\nsettings = types.ModuleType('settings')\n"
        "from tests import settings as base\nsettings.__dict__.update(vars(base))\n"
        f"exec({settings!r}, settings.__dict__)\nsys.modules['settings'] = settings\n{code}\nprint(*(name for name in {INTERESTING} if name in sys.modules))"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{PYTHON / 'src'}{os.pathsep}{PYTHON}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "settings",
    }
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    if result.returncode:
        raise AssertionError(result.stderr)
    return result.stdout.split()


SERVE = "from django.core.wsgi import get_wsgi_application; get_wsgi_application()"
COMMAND = "import django; django.setup()"
IAM = "DATABASES = {'default': {'ENGINE': 'wagrun.database', 'OPTIONS': {'iam_region': 'eu-central-1'}}}"
BUCKET = """STORAGES = {
    'default': {'BACKEND': 'wagrun.media.MediaStorage', 'OPTIONS': {'bucket_name': 'media'}},
    'staticfiles': {'BACKEND': 'django.contrib.staticfiles.storage.StaticFilesStorage'},
}"""


class StartTest(TestCase):
    def test_settings_can_be_made_before_django_is_set_up(self):
        modules = loaded(
            "from wagrun import conf; conf.database({}); conf.storage({}); conf.allowed_hosts(); conf.https()"
        )
        self.assertEqual(modules, [])

    def test_nothing_of_aws_is_loaded_without_need(self):
        # Nor is the engine, so a site on another database needs no driver for PostgreSQL.
        for code in (SERVE, COMMAND):
            self.assertEqual(loaded(code), ["wagtail.models"])

    @skipIf(find_spec("storages") is None, "wagrun[aws] is not installed")
    def test_a_server_loads_what_it_needs_before_it_forks(self):
        self.assertIn("wagrun.media", loaded(SERVE, BUCKET))
        self.assertIn("wagrun.database.iam", loaded(SERVE, IAM))
        self.assertNotIn("wagrun.database.iam", loaded(COMMAND, IAM))
