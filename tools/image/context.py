"""Copies the checkout, so that edits during a build change nothing, and adds to the copy what no image may take."""

import os
import shutil
from pathlib import Path

LEFT_BEHIND = shutil.ignore_patterns(".git", ".local", ".aws-sam", "target", "__pycache__")
UNWANTED = (
    ".env",
    ".git/config",
    ".local/venv/pyvenv.cfg",
    "python/tests/test_unwanted.py",
    "site/.env",
    "site/home/.env.local",
    "site/home/__pycache__/models.cpython-313.pyc",
    "site/media/photo.jpg",
    "site/website/tests/test_unwanted.py",
    "target/release/migrate",
    "tests/local-stack/src/unwanted.rs",
)


def copy(checkout: Path, directory: Path):
    """Makes `directory` a copy of the checkout, as somebody has it who lets nobody else read files."""
    shutil.rmtree(directory, ignore_errors=True)
    shutil.copytree(checkout, directory, symlinks=True, ignore=LEFT_BEHIND)
    for name in UNWANTED:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("# What no image may take.\n")
    for parent, _, files in os.walk(directory):
        os.chmod(parent, 0o700)
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o700)
