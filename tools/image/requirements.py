"""Checks that this machine can build an image by itself, and says what is missing and what then stays untried.

Runs with any Python, before anything is installed.
"""

import os
import platform
import shutil
import sys

# Each program and the Debian package that has it.
PROGRAMS = {"buildah": "buildah", "debootstrap": "debootstrap", "mount": "mount", "setpriv": "util-linux", "unshare": "util-linux"}
# Where a user's own PATH does not look.
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
UNTRIED = (
    "No builder meets site/Dockerfile here, then. Untried stay its build, and gunicorn and migrate run from what it builds.\n"
    "`make dockerfile` does its steps without a builder. With Docker or Podman, build the image on the real base images\n"
    "instead: docs/image.md has the command."
)


def check():
    """Ends the program with an explanation when something is missing."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        refuse(["Linux on x86-64, as the image is for it"])
    problems = []
    if missing := sorted({package for program, package in PROGRAMS.items() if not shutil.which(program, path=PATH)}):
        packages = " ".join(missing)
        problems.append(f"{', '.join(missing)} (on Debian: apt-get install {packages})")
    if not shutil.which("rustc"):
        problems.append("Rust, which the build compiles migrate with")
    if os.geteuid() != 0:
        problems.append("root, to lay out Debian's packages as base images and to mount what was built")
    if problems:
        refuse(problems)


def refuse(problems):
    sys.exit(f"`make image` needs {'; '.join(problems)}.\n{UNTRIED}")


if __name__ == "__main__":
    check()
