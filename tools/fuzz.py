#!/usr/bin/env python3
"""Fuzzes one target of fuzz/, or each of them in turn: fuzz.py TARGET|all SECONDS

It needs what `make test` does not: a C++ compiler, for the fuzzer's own runtime. cargo-fuzz is installed into .local, in the pinned
version. Nightly Rust is not needed, because no sanitizer is used: our code forbids `unsafe`, so there is nothing for one to find.

The seeds come from the project's examples (fuzz/seeds.py). The corpus that a run finds is kept in target/fuzz/TARGET, and the
next run begins with it. An input that fails is kept there too, and its path is printed.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUZZ = ROOT / "fuzz"
CARGO_FUZZ = "0.13.2"
TOOLS = ROOT / ".local" / "cargo-fuzz"
# Longest time of one input in seconds, its greatest size, and the most memory in MiB. A slower or larger one is a failure.
LIMITS = ["-timeout=30", "-max_len=65536", "-rss_limit_mb=2048"]


def main(target, seconds):
    known = [binary["name"] for binary in tomllib.loads((FUZZ / "Cargo.toml").read_text())["bin"]]
    if target != "all" and target not in known:
        return f"TARGET=… names a fuzz target: {', '.join(known)}; or all of them, one after the other: all"
    if not seconds.isdigit() or not int(seconds):
        return f"SECONDS={seconds} is not a number of seconds"
    missing = lacking()
    if missing:
        return missing
    install()
    targets = known if target == "all" else [target]
    built = build(targets)
    failed = [name for name in targets if not run(built / name, name, seconds)]
    if failed:
        return f"failed: {', '.join(failed)}"
    return 0


def lacking():
    if not shutil.which("cargo"):
        return "make fuzz lacks cargo (Rust)"
    compiler = os.environ.get("CXX", "c++")
    if not shutil.which(compiler.split()[0]):
        return f"make fuzz lacks a C++ compiler: there is no {compiler} (package g++ or clang; CXX=… names another)"
    return None


def install():
    binary = TOOLS / "bin" / "cargo-fuzz"
    if binary.exists():
        version = subprocess.run([binary, "fuzz", "--version"], capture_output=True, text=True, check=False).stdout
        if re.search(rf"\b{re.escape(CARGO_FUZZ)}\b", version):
            return
    subprocess.run(["cargo", "install", "cargo-fuzz", "--version", CARGO_FUZZ, "--locked", "--force", "--root", TOOLS], check=True)


def build(targets):
    path = f"{TOOLS / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = ["cargo", "fuzz", "build", "--sanitizer", "none", "--codegen-units", "16"]
    # One call builds all of them, or one. The functions and AWS's SDKs are compiled once for both.
    if len(targets) == 1:
        command += targets
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=True)
    host = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    return FUZZ / "target" / re.search(r"^host: (.*)$", host, re.M).group(1) / "release"


def run(binary, name, seconds):
    """Returns false when an input failed."""
    folder = ROOT / "target" / "fuzz" / name
    (folder / "corpus").mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, FUZZ / "seeds.py", name, folder], check=True)
    options = ["corpus", "seeds", "-dict=dictionary", f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
    print(f"{name}: {seconds} s", flush=True)
    return subprocess.run([binary, *options, *LIMITS], cwd=folder, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
