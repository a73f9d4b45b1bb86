"""Makes a site that is not in this repository, with the Dockerfile that Wagtail gives a new one, and adds what docs/image.md says."""

import re
import shutil
import subprocess
from pathlib import Path

from dockerfile import ROOT

PAGE = ROOT / "docs/image.md"
DATABASES = """import dj_database_url

DATABASES = {"default": dj_database_url.config(conn_max_age=600)}
"""
# The part of its command that migrates at each start.
MIGRATION = "python manage.py migrate --noinput; "
PRODUCTION = """
import os

SECRET_KEY = os.environ["SECRET_KEY"]
"""


def documented_lines():
    """Returns the lines that docs/image.md tells people to add."""
    section = PAGE.read_text().partition("\n## A Dockerfile of your own\n")[2]
    return re.search("```dockerfile\n(.*?)```", section, re.DOTALL)[1]


def migrate_image():
    """Returns the name of the image from which those lines copy migrate."""
    return re.search(r"--from=(\S+)", documented_lines())[1]


def start(directory: Path):
    """Makes a new site with Wagtail's own command."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    subprocess.run([ROOT / ".local/venv/site/bin/wagtail", "start", "cms", directory], check=True, stdout=subprocess.DEVNULL)


def make(directory: Path, base: str):
    """Makes the site in `directory`. Its Dockerfile is Wagtail's own, on `base` in place of the official image."""
    start(directory)
    settings = directory / "cms/settings/base.py"
    before, _, rest = settings.read_text().partition("DATABASES = {")
    settings.write_text(f"{before}{DATABASES}\n# Password validation{rest.partition('# Password validation')[2]}")
    with open(settings, "a") as base_settings:
        # Django 6.1 asks for it on PostgreSQL (postgres.E005), and `wagtail start` leaves it out.
        base_settings.write('\nINSTALLED_APPS += ["django.contrib.postgres"]\n')
    with open(directory / "cms/settings/production.py", "a") as production:
        production.write(PRODUCTION)
    with open(directory / "requirements.txt", "a") as packages:
        packages.write("psycopg[binary]\ndj-database-url\n")
    dockerfile = directory / "Dockerfile"
    text, replaced = re.subn(r"^FROM python:\S+", f"FROM {base}", dockerfile.read_text(), flags=re.MULTILINE)
    if not replaced:
        raise ValueError("the Dockerfile of `wagtail start` has another base image than Python's")
    text = text.replace(MIGRATION, "")
    dockerfile.write_text(f"{text.rstrip()}\n{documented_lines()}")
