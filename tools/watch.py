#!/usr/bin/env python3
"""Runs the unit tests of a crate each time one of its source files, or of shared/, is saved: watch.py CRATE"""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.5


def main(crate):
    folders = [found.parent for found in ROOT.glob(f"*/{crate.removeprefix('wagrun-')}/Cargo.toml")]
    if not folders:
        print(f"CRATE={crate}: no folder of functions/, shared/, tests/ or tools/ has this name", file=sys.stderr)
        return 2
    folders.append(ROOT / "shared")
    seen = None
    while True:
        saved = {path: path.stat().st_mtime for folder in folders for path in folder.rglob("*.rs")}
        if saved != seen:
            seen = saved
            subprocess.run(["cargo", "test", "--package", crate, "--locked", "--lib"], cwd=ROOT, check=False)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
    except KeyboardInterrupt:
        sys.exit(0)
