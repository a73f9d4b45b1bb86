#!/usr/bin/env python3
"""Checks that the tests of one package share the dependencies that the workspace has compiled: test_features.py

Cargo compiles a dependency once for each set of features. `cargo test -p deliver` asks for fewer features than
`cargo test --workspace`, unless tests/features asks for the rest. This names each dependency that would be compiled twice.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Packages that are to build in a minute from nothing, and so do without the dependencies of all others.
ALONE = {"model"}


def main():
    host = next(line.removeprefix("host: ") for line in run("rustc", "-vV").splitlines() if line.startswith("host: "))
    metadata = json.loads(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"))
    packages = {package["name"]: {used["name"] for used in package["dependencies"]} for package in metadata["packages"]}
    everything = dependencies(host, "--workspace")
    failed = False
    for package, used in sorted(packages.items()):
        if package in ALONE:
            continue
        if "features" not in used and package != "features":
            failed = True
            print(f"{package}: add `features = {{ workspace = true }}` to [dev-dependencies]")
            continue
        for line in sorted(dependencies(host, "--package", package) - everything):
            failed = True
            name, features = line.split("|")
            print(f"{package}: {name} has only the features [{features}]; add those of the workspace to tests/features")
    return 1 if failed else 0


def dependencies(host, *selection):
    """Each external dependency with its features."""
    options = ("--locked", "--edges=normal,build,dev", "--prefix=none", f"--target={host}", "--format={p}|{f}")
    lines = {line.replace(" (proc-macro)", "").removesuffix(" (*)") for line in run("cargo", "tree", *selection, *options).splitlines()}
    return {line for line in lines if line and str(ROOT) not in line}


def run(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
