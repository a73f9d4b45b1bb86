"""The wheel, built and installed as a team does it, in a site of its own."""

import os
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from unittest import TestCase, skipIf

import wagrun

PYTHON = Path(__file__).resolve().parent.parent
SOURCES = PYTHON / "src"


@skipIf(find_spec("flit_core") is None, "for the environment `package`")
class WheelTest(TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = Path(directory.name)
        cls.pip("wheel", "--no-build-isolation", "--wheel-dir", cls.directory, PYTHON)
        (cls.wheel,) = cls.directory.glob("*.whl")

    @classmethod
    def pip(cls, command, *arguments):
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            command,
            "--quiet",
            "--no-deps",
            "--no-index",
        ]
        subprocess.run([*pip, *arguments], check=True)

    def test_it_has_every_file_and_no_other(self):
        wanted = {str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*") if path.is_file()}
        wanted = {path for path in wanted if "__pycache__" not in path}
        with zipfile.ZipFile(self.wheel) as wheel:
            found = set(wheel.namelist())
        about = f"wagrun-{wagrun.__version__}.dist-info"
        self.assertEqual({path for path in found if not path.startswith(about)}, wanted)
        self.assertIn("wagrun/py.typed", found)
        self.assertIn(f"{about}/licenses/LICENSE", found)

    def test_its_version_is_that_of_the_functions(self):
        cargo = (PYTHON.parent / "Cargo.toml").read_text()
        self.assertIn(f'version = "{wagrun.__version__}"\n', cargo)
        self.assertEqual((PYTHON / "LICENSE").read_text(), (PYTHON.parent / "LICENSE").read_text())

    def test_a_new_site_of_wagtail_s_works_with_it_and_has_no_warnings(self):
        site, packages = self.directory / "site", self.directory / "packages"
        self.pip("install", "--target", packages, self.wheel)
        site.mkdir()
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}

        def run(*command):
            # Isolated from the sources, which the environment of the tests has as well.
            command = [sys.executable, *command]
            result = subprocess.run(command, cwd=site, env=environment, capture_output=True, text=True, timeout=120)
            self.assertEqual(result.returncode, 0, result.stderr)
            return result.stdout + result.stderr

        run("-m", "wagtail.bin.wagtail", "start", "mysite", ".")
        settings = site / "mysite/settings/base.py"
        text = settings.read_text()
        text = text.replace("INSTALLED_APPS = [\n", 'INSTALLED_APPS = [\n    "wagrun",\n')
        text = text.replace("MIDDLEWARE = [\n", 'MIDDLEWARE = [\n    "wagrun.middleware.WagrunMiddleware",\n')
        settings.write_text(text)
        self.assertIn("no issues", run("manage.py", "check"))
        self.assertIn(
            str(packages), run("manage.py", "shell", "--verbosity", "0", "-c", "import wagrun; print(wagrun.__file__)")
        )
        self.assertIn("home.HomePage (home_homepage)", run("manage.py", "wagrun"))
        self.assertIn('"model": "home.HomePage"', run("manage.py", "wagrun", "--json"))
