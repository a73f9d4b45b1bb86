#!/usr/bin/env python3
"""Adds the lines of docs/image.md to Dockerfiles that are not ours, and looks at what the template needs of an image.

Run with the Python of .local/venv/tools, as `make dockerfile` does. `make image` builds one of them, and runs it.
"""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "image"))

import dockerfile
import elf
import own_site
from dockerfile import ROOT
from template import TEMPLATE, load, unfold

OURS = dockerfile.stages((ROOT / dockerfile.DOCKERFILE).read_text())
MIGRATE = unfold(load(TEMPLATE.read_text()))["Resources"]["MigrateImageFunction"]["Properties"]

# A site on Alpine, as small as they are.
ALPINE = """\
FROM python:3.13-alpine
RUN apk add --no-cache libpq
WORKDIR /srv/cms
COPY requirements.txt .
RUN pip install --no-cache-dir --requirement requirements.txt
COPY . .
USER nobody
ENTRYPOINT ["./entry.sh"]
CMD ["gunicorn", "cms.wsgi"]
"""


class OwnDockerfileTest(unittest.TestCase):
    def dockerfiles(self):
        """The stages of each Dockerfile, with the lines at its end."""
        with tempfile.TemporaryDirectory() as directory:
            site = Path(directory) / "site"
            own_site.make(site, "python:3.14-slim-bookworm")
            texts = {"wagtail start": (site / "Dockerfile").read_text(), "Alpine": ALPINE + own_site.documented_lines()}
        for name, text in texts.items():
            with self.subTest(name):
                yield list(dockerfile.stages(text).values())[-1]

    def test_migrate_is_where_lambda_starts_it(self):
        (entry_point,) = MIGRATE["ImageConfig"]["EntryPoint"]
        for stage in self.dockerfiles():
            copies = [copy for copy in stage.copies if copy.stage == own_site.migrate_image()]
            self.assertEqual([(["/opt/wagrun"], "/opt/wagrun")], [(copy.sources, copy.destination) for copy in copies])
        self.assertIn(f"migrate {entry_point}", OURS["build"].text)
        self.assertIn("COPY --from=build /opt/wagrun /opt/wagrun", OURS["wagrun"].text)

    def test_the_variables_are_those_of_our_image(self):
        for stage in self.dockerfiles():
            for name in ("DATABASE_CA_BUNDLE", "HOME"):
                self.assertEqual(OURS["image"].environment[name], stage.environment[name])

    def test_the_page_says_how_the_image_is_pushed_that_the_lines_name(self):
        tag = own_site.migrate_image().rpartition(":")[2]
        self.assertIn(f'docker push "$REPOSITORY:{tag}"', own_site.PAGE.read_text())

    def test_a_command_that_migrates_is_named_as_a_mistake(self):
        with tempfile.TemporaryDirectory() as directory:
            site = Path(directory) / "site"
            own_site.start(site)
            self.assertIn(own_site.MIGRATION, (site / "Dockerfile").read_text(), "Wagtail's own is one")
        self.assertIn("a command or an entry script without `manage.py migrate`", own_site.PAGE.read_text())


class LoaderTest(unittest.TestCase):
    def test_a_program_of_this_machine_needs_a_loader(self):
        self.assertRegex(elf.loader(Path(os.path.realpath(sys.executable))) or "", r"^/lib.*/ld-.*\.so")

    def test_a_program_without_that_header_needs_none(self):
        with tempfile.TemporaryDirectory() as directory:
            program = Path(directory) / "static"
            # No program header at all.
            program.write_bytes(elf.MAGIC + elf.LITTLE_ENDIAN_64 + bytes(58))
            self.assertIsNone(elf.loader(program))
            program.write_text("#!/bin/sh")
            with self.assertRaises(ValueError):
                elf.loader(program)


if __name__ == "__main__":
    unittest.main()
