#!/usr/bin/env python3
"""Installs the packages that the Python and JavaScript receivers of docs/webhooks.md need: tests/receivers/install.py.

The Python packages go to .local/venv/webhooks. Those of package-lock.json and a link to Node.js go to .local/npm/receivers.
"""

import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"


def main():
    for program, name in (("venv.py", "webhooks"), ("npm.py", "receivers")):
        # Standard output belongs to the caller.
        if subprocess.run([sys.executable, TOOLS / program, name], stdout=sys.stderr).returncode != 0:
            sys.exit(f"tools/{program} {name} failed")


if __name__ == "__main__":
    main()
