#!/usr/bin/env python3
"""Installs what the receivers of docs/webhooks.md in Python and JavaScript run with: tests/receivers/install.py.

Python's packages go to .local/venv/webhooks, those of package-lock.json and a link to Node.js to .local/npm/receivers.
"""

import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"


def main():
    for program, name in (("venv.py", "webhooks"), ("npm.py", "receivers")):
        # What is printed here is not the caller's.
        if subprocess.run([sys.executable, TOOLS / program, name], stdout=sys.stderr).returncode != 0:
            sys.exit(f"tools/{program} {name} failed")


if __name__ == "__main__":
    main()
