#!/usr/bin/env python3
"""Looks up known vulnerabilities of the Python and npm packages that are pinned here: audit.py [--list]

It needs the internet: pip-audit asks PyPI, and npm its registry. Rust's crates are checked by cargo deny (`make audit`). `--list`
prints the files with the versions, and asks nobody.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Old versions of Wagtail, which tests compare with on purpose. Nothing here is deployed with them.
OLD_ON_PURPOSE = {"older-site.txt", "oldest.txt", "wagtail-6.3.txt", "wagtail-7.0.txt", "wagtail-7.4.txt"}
NODE = ROOT / ".local/venv/node/bin"
PIP_AUDIT = ROOT / ".local/venv/audit/bin/pip-audit"
PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")


def main(arguments):
    python = [file for file in listed("requirements/*.txt", "site/*.txt") if file.name not in OLD_ON_PURPOSE]
    npm = listed("*package-lock.json")
    if arguments == ["--list"]:
        for file in [ROOT / "Cargo.lock", *python, *npm]:
            print(file.relative_to(ROOT))
        return 0
    found = [str(file.relative_to(ROOT)) for file in python if not is_clean_python(file)]
    found += [str(file.relative_to(ROOT)) for file in npm if not is_clean_npm(file)]
    for name in found:
        print(f"known vulnerabilities, or no answer: {name}", file=sys.stderr)
    return 1 if found else 0


def listed(*patterns):
    names = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    return [ROOT / name for name in names]


def pinned(file):
    """Returns the packages of a file as pip-audit reads them. Each has to be pinned, so nothing has to be resolved."""
    lines = [line.partition("#")[0].partition(";")[0].strip() for line in file.read_text().splitlines()]
    lines = [line for line in lines if line and not line.startswith(("-c ", "-r "))]
    unpinned = [line for line in lines if not PINNED.fullmatch(line)]
    if unpinned:
        sys.exit(f"{file.relative_to(ROOT)}: not pinned: {', '.join(unpinned)}")
    return [f"{name}=={version}" for name, version in (PINNED.fullmatch(line).groups() for line in lines)]


def is_clean_python(file):
    print(f"-- {file.relative_to(ROOT)}", flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as packages:
        packages.write("\n".join(pinned(file)) + "\n")
        packages.flush()
        command = [PIP_AUDIT, "--requirement", packages.name, "--no-deps", "--disable-pip", "--progress-spinner=off"]
        return subprocess.run(command).returncode == 0


def is_clean_npm(file):
    print(f"-- {file.relative_to(ROOT)}", flush=True)
    environment = {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ.get('PATH', '')}"}
    return subprocess.run([NODE / "npm", "audit", "--package-lock-only"], cwd=file.parent, env=environment).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
