#!/usr/bin/env python3
"""Runs all end-to-end tests, those of the local stack beside the others: e2e.py

The tests of the local stack mostly wait for it. The others need the processors. Each half is a process of its own, because the
tests of one process begin in the order of their names.
"""

import os
import subprocess
import sys
import threading

CARGO_TEST = ["cargo", "test", "--workspace", "--locked", "--test", "e2e"]
# Modules of tests/e2e/tests/main.rs that need the local stack. All others are in the other half.
STACK = ["delivery::", "editing::", "operator::", "payloads::", "stack::"]
HALVES = {
    "stack": (3, STACK),
    "other": (2, [argument for module in STACK for argument in ("--skip", module)]),
}


def main():
    built = subprocess.run([*CARGO_TEST, "--no-run"], check=False)
    if built.returncode != 0:
        return built.returncode
    failed = []
    threads = [threading.Thread(target=run, args=(name, *half, failed)) for name, half in HALVES.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 if failed else 0


def run(name, test_threads, arguments, failed):
    """Runs one half, and begins each of its lines with its name."""
    environment = os.environ | {"RUST_TEST_THREADS": str(test_threads)}
    tests = subprocess.Popen(
        [*CARGO_TEST, "--", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    for line in tests.stdout:
        print(f"{name} | {line}", end="", flush=True)
    if tests.wait() != 0:
        failed.append(name)


if __name__ == "__main__":
    sys.exit(main())
