#!/usr/bin/env python3
"""Does what site/Dockerfile says, as far as that goes without Docker: the copies, the static files, the web service.

Run with the Python of .local/venv/tools, as `make dockerfile` does; the site's own commands run in .local/venv/site.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

import dockerfile
from dockerfile import ROOT
from production import MIGRATE, WEB
from template import TEMPLATE, load, unfold

STAGES = dockerfile.stages((ROOT / dockerfile.DOCKERFILE).read_text())
IMAGE = STAGES["image"]
CONTEXT = dockerfile.context(ROOT)
RESOURCES = unfold(load(TEMPLATE.read_text()))["Resources"]
APP_RUNNER = RESOURCES["AppRunnerService"]["Properties"]["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"]

# That of a program without a loader.
TARGET = "x86_64-unknown-linux-musl"

# Any port that is free.
PRODUCTION = {**WEB, "PORT": "0"}


def run(stage, root, environment):
    """Runs the stage's last RUN, with `root` for its root directory. The one before it installs a compiler."""
    subprocess.run(
        stage.runs[-1].replace("/opt/", f"{root}/opt/"),
        shell=True,
        cwd=root / stage.directory.lstrip("/"),
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def environment(stage):
    """The stage's variables, and no others, with the environment of this checkout in place of /opt/venv."""
    values = {name: value.replace("/opt/venv", f"{ROOT}/.local/venv/site") for name, value in stage.environment.items()}
    return {**values, "PATH": values["PATH"].replace("$PATH", os.environ["PATH"])}


class ContextTest(unittest.TestCase):
    def test_what_is_copied_is_there(self):
        for stage in STAGES.values():
            for copy in stage.copies:
                for source in copy.sources:
                    with self.subTest(source, stage=stage.name):
                        if copy.stage:
                            self.assertIn(source, STAGES[copy.stage].text)
                        else:
                            self.assertTrue(any(path == source or path.startswith(f"{source}/") for path in CONTEXT))

    def test_what_else_a_checkout_holds_stays_out(self):
        wanted = {
            "Cargo.toml",
            "functions/deliver/src/main.rs",
            "python/pyproject.toml",
            "python/src/wagrun/discovery/discover.py",
            "shared/database/certs/rds-roots.pem",
            "site/home/models.py",
            "site/website/static/css/site.css",
            "tests/local-stack/Cargo.toml",
            "tools/wagrun/Cargo.toml",
        }
        unwanted = {
            ".env",
            ".git/config",
            ".local/venv/site/pyvenv.cfg",
            "parameters/prod.yaml",
            "site/.collected/css/site.css",
            "site/.env",
            "site/home/.env.local",
            "site/home/__pycache__/models.cpython-313.pyc",
            "site/media/photo.jpg",
            "python/src/wagrun/__pycache__/media.cpython-313.pyc",
            "python/tests/test_media.py",
            "site/website/tests/test_settings.py",
            "target/debug/migrate",
            "tests/local-stack/src/lib.rs",
            "tools/wagrun/src/lib.rs",
        }
        with tempfile.TemporaryDirectory() as checkout:
            for path in wanted | unwanted:
                (Path(checkout) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(checkout) / path).touch()
            self.assertEqual(wanted, dockerfile.context(Path(checkout)))


class TemplateTest(unittest.TestCase):
    """What the template and the image must agree on, and what Lambda asks of an image."""

    def test_migrate_is_where_lambda_starts_it(self):
        function = RESOURCES["MigrateImageFunction"]["Properties"]
        self.assertEqual(["/opt/wagrun/migrate"], function["ImageConfig"]["EntryPoint"])
        self.assertIn("release/migrate /opt/wagrun/migrate", STAGES["build"].text)
        self.assertIn("/opt/wagrun", [copy.destination for copy in IMAGE.copies if copy.stage == "wagrun"])

    def test_migrate_finds_the_site(self):
        variables = RESOURCES["MigrateImageFunction"]["Properties"]["Environment"]["Variables"]
        self.assertEqual(IMAGE.directory, variables["SITE_DIRECTORY"]["Fn::If"][2])
        # SitePython's default, python3, is then the one with the site's packages.
        self.assertTrue(IMAGE.environment["PATH"].startswith("/opt/venv/bin:"))

    def test_the_platforms_know_the_port(self):
        self.assertEqual(IMAGE.port, APP_RUNNER["Port"])
        self.assertEqual(int(IMAGE.port), RESOURCES["EcsService"]["Properties"]["PrimaryContainer"]["ContainerPort"])

    def test_the_production_of_these_tests_is_that_of_the_template(self):
        given = [*APP_RUNNER["RuntimeEnvironmentVariables"], *APP_RUNNER["RuntimeEnvironmentSecrets"]]
        self.assertEqual({variable["Name"] for variable in given}, set(WEB))
        given = RESOURCES["MigrateImageFunction"]["Properties"]["Environment"]["Variables"]
        self.assertEqual(set(given), set(MIGRATE))

    def test_it_runs_as_nobody(self):
        self.assertRegex(IMAGE.user, r"^[1-9]\d{3,}:[1-9]\d{3,}$")
        # A home that is there, but may not be looked into, keeps libpq from connecting.
        self.assertEqual("/nonexistent", IMAGE.environment["HOME"])

    def test_migrate_is_linked_statically(self):
        self.assertIn(f"rustup target add {TARGET}", STAGES["build"].runs[0])

    def test_base_images_are_pinned_and_one_python_does_it_all(self):
        bases = {name: stage.base for name, stage in STAGES.items()}
        self.assertEqual(("python", "packages", "python"), (bases["packages"], bases["source"], bases["image"]))
        for name in ("build", "python"):
            self.assertRegex(bases[name], r":\d+\.\d+\.\d+-slim-[a-z]+$")


class MigrateTest(unittest.TestCase):
    def test_cargo_has_all_it_asks_for(self):
        with tempfile.TemporaryDirectory() as root:
            root = Path(root)
            dockerfile.lay_out(STAGES["build"], CONTEXT, root)
            # In place of compiling, cargo reads the workspace. `fetch` is as strict as `build`: it fails for a member, or for
            # a target of a member, that is not there.
            (root / "bin").mkdir()
            (root / "bin/cargo").write_text(
                f'#!/bin/sh -e\n[ "$*" = "build --release --locked --package migrate --target {TARGET}" ]\n'
                f"{shutil.which('cargo')} fetch --locked --target {TARGET}\n"
                f"{shutil.which('cargo')} metadata --format-version 1 --no-deps --offline > {root}/metadata.json\n"
                f"mkdir -p target/{TARGET}/release && touch target/{TARGET}/release/migrate\n"
            )
            (root / "bin/cargo").chmod(0o755)
            run(STAGES["build"], root, {**os.environ, "PATH": f"{root}/bin:{os.environ['PATH']}"})
            metadata = json.loads((root / "metadata.json").read_text())
            (migrate,) = [package for package in metadata["packages"] if package["name"] == "migrate"]
            self.assertIn(["bin"], [target["kind"] for target in migrate["targets"]])
            for path, mode in (("/opt/wagrun/migrate", 0o755), (IMAGE.environment["DATABASE_CA_BUNDLE"], 0o644)):
                self.assertEqual(mode, Path(f"{root}{path}").stat().st_mode & 0o777, path)


class SiteTest(unittest.TestCase):
    """The site as the image has it, served as App Runner serves it."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        root = Path(directory.name)
        dockerfile.lay_out(STAGES["source"], CONTEXT, root)
        cls.site = root / IMAGE.directory.lstrip("/")
        for path in [cls.site, *cls.site.rglob("*")]:
            # A checkout's, of somebody who shares nothing.
            path.chmod(0o700)
        run(STAGES["source"], root, environment(STAGES["source"]))
        cls.made = cls.contents()
        cls.service = subprocess.Popen(
            json.loads(IMAGE.command),
            cwd=cls.site,
            env={**environment(IMAGE), **PRODUCTION},
            stderr=subprocess.PIPE,
            text=True,
        )
        cls.addClassCleanup(cls.service.communicate)
        cls.addClassCleanup(cls.service.terminate)
        said = ""
        while not (port := re.search(r"Listening at: http://0\.0\.0\.0:(\d+)", said)):
            line = cls.service.stderr.readline()
            if not line:
                raise AssertionError(f"gunicorn ended:\n{said}")
            said += line
        cls.url = f"http://127.0.0.1:{port[1]}"

    @classmethod
    def contents(cls):
        return {path: path.stat().st_mode & 0o777 for path in cls.site.rglob("*")}

    def get(self, path, **headers):
        # A proxy of whoever runs us has no business between two processes of one machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.url + path, headers=headers), timeout=30) as answer:
            return answer.headers, answer.read()

    def test_every_user_may_read_it_and_none_may_write(self):
        for path, mode in self.made.items():
            self.assertEqual((0o055 if path.is_dir() else 0o044), mode & (0o077 if path.is_dir() else 0o066), path)

    def test_the_health_check_needs_no_name_and_no_database(self):
        self.assertEqual(b"ok\n", self.get("/health/")[1])

    def test_the_admin_has_its_stylesheet_for_ever_and_compressed(self):
        manifest = json.loads((self.site / ".collected/staticfiles.json").read_text())
        for name in ("wagtailadmin/css/core.css", "css/site.css"):
            hashed = manifest["paths"][name]
            self.assertNotEqual(name, hashed)
            headers, _ = self.get(f"/static/{hashed}", Host="abc.eu-central-1.awsapprunner.com")
            self.assertEqual('text/css; charset="utf-8"', headers["Content-Type"])
            self.assertEqual("max-age=315360000, public, immutable", headers["Cache-Control"])
        headers, _ = self.get(f"/static/{manifest['paths']['wagtailadmin/css/core.css']}", **{"Accept-Encoding": "gzip"})
        self.assertEqual("gzip", headers["Content-Encoding"])

    def test_it_writes_nothing_beside_its_code(self):
        self.get("/health/")
        self.assertEqual(self.made, self.contents())


if __name__ == "__main__":
    unittest.main()
