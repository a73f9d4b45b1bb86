#!/usr/bin/env python3
"""Installs pinned Python packages into this checkout: tools/venv.py NAME...

NAME is one of the requirements files below, or own-NAME=FILE for those of a site that is not in this checkout. Its packages go to
.local/venv/NAME. They stay there until the file or the Python that runs this changes. Concurrent runs wait for each other.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {
    "audit": ROOT / "requirements/audit.txt",
    "browser": ROOT / "requirements/browser.txt",
    "checkov": ROOT / "requirements/checkov.txt",
    "contract": ROOT / "requirements/contract.txt",
    "emulator": ROOT / "requirements/emulator.txt",
    "hadolint": ROOT / "requirements/hadolint.txt",
    "node": ROOT / "requirements/node.txt",
    "older-site": ROOT / "requirements/older-site.txt",
    "oldest": ROOT / "requirements/oldest.txt",
    "package": ROOT / "requirements/package.txt",
    "peer": ROOT / "requirements/peer.txt",
    "postgres": ROOT / "requirements/postgres.txt",
    "site": ROOT / "site/requirements.txt",
    "tools": ROOT / "requirements/tools.txt",
    "wagtail-6.3": ROOT / "requirements/wagtail-6.3.txt",
    "wagtail-7.0": ROOT / "requirements/wagtail-7.0.txt",
    "wagtail-7.4": ROOT / "requirements/wagtail-7.4.txt",
    "webhooks": ROOT / "requirements/webhooks.txt",
    "wheel": ROOT / "requirements/wheel.txt",
}
# The environments that have this checkout's own package, so that an edit of it is in force at once.
OWN_PACKAGE = ROOT / "python"
WITH_OWN_PACKAGE = ("site", "package")
# The oldest version that the pinned packages support. The selectors of Beautiful Soup need the newest one.
MIN_PYTHON = (3, 11, 5)
# The real interpreter and not that of an environment, which may be the one to replace.
PYTHON = os.path.realpath(sys.executable)


def main(names):
    own = [name for name in names if name.startswith("own-") and "=" in name]
    for name in own:
        name, _, file = name.partition("=")
        REQUIREMENTS[name] = Path(file).resolve()
    names = [name.partition("=")[0] if name in own else name for name in names]
    unknown = [name for name in names if name not in REQUIREMENTS]
    if unknown or not names:
        sys.exit(f"usage: tools/venv.py NAME..., each one of {', '.join(REQUIREMENTS)}; not {' '.join(unknown) or 'none'}")
    if sys.version_info < MIN_PYTHON:
        sys.exit(f"Python {'.'.join(map(str, MIN_PYTHON))} or newer is needed, this is {sys.version.split()[0]}")
    # pip waits for the network most of the time.
    with ThreadPoolExecutor(len(names)) as pool:
        for installed in [pool.submit(install, name) for name in names]:
            installed.result()


def install(name):
    requirements, directory = REQUIREMENTS[name], ROOT / ".local/venv" / name
    stamp, wanted = directory / "installed", fingerprint(name)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.parent / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shown = requirements.relative_to(ROOT) if requirements.is_relative_to(ROOT) else requirements
        print(f"installing {shown} into {directory.relative_to(ROOT)} …", flush=True)
        shutil.rmtree(directory, ignore_errors=True)
        run([PYTHON, "-m", "venv", directory], f"{PYTHON} -m venv failed; on Debian it needs the package python3-venv")
        pip = [directory / "bin/python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        version = ".".join(map(str, sys.version_info[:2]))
        complaint = f"the packages of {requirements} could not be installed with Python {version}"
        # A relative path in the file is one from its own directory, as for whoever installs it there.
        run([*pip, "-r", requirements], complaint, requirements.parent)
        if name in WITH_OWN_PACKAGE:
            run([*pip, "--no-deps", "--editable", OWN_PACKAGE], f"the package of {OWN_PACKAGE} could not be installed")
        # Written last, so an interrupted installation is repeated.
        stamp.write_text(wanted)


def fingerprint(name):
    """Returns a hash of the requested packages, their constraints and the interpreter."""
    requirements = REQUIREMENTS[name]
    text = requirements.read_text()
    for line in text.splitlines():
        option, _, path = line.partition(" ")
        if option in ("-c", "-r"):
            text += (requirements.parent / path.strip()).read_text()
    if name in WITH_OWN_PACKAGE:
        # It is found by the path of the checkout. In a copy of the environment it would be that of the other checkout.
        text += f"{OWN_PACKAGE}\n{(OWN_PACKAGE / 'pyproject.toml').read_text()}"
    return hashlib.sha256(f"{sys.version}\n{PYTHON}\n{text}".encode()).hexdigest()


def run(command, complaint, directory=ROOT):
    # A program may read the standard output of the caller. pip writes its messages to standard error anyway.
    if subprocess.run(command, stdout=sys.stderr, cwd=directory).returncode != 0:
        sys.exit(complaint)


if __name__ == "__main__":
    main(sys.argv[1:])
