#!/usr/bin/env python3
"""Installs a pinned headless Chromium into this checkout, without root, and prints its directory: tools/browser.py

This Chromium is built for Lambda functions. It needs only the C library of the system, and has its own fonts, so a page looks
the same everywhere. It is published on npm, and npm comes from PyPI, because a fresh machine has no Node.
"""

import base64
import contextlib
import fcntl
import hashlib
import platform
import shutil
import sys
import tarfile

import venv

PACKAGE = "@sparticuz/chromium@153.0.0"
# The checksum that npm has in `dist.integrity` of the package.
SHA512 = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
DIRECTORY = venv.ROOT / ".local/browser"
# Node has Brotli, and Python does not.
DECOMPRESS = """
const [from, to] = process.argv.slice(1);
require("fs").writeFileSync(to, require("zlib").brotliDecompressSync(require("fs").readFileSync(from)));
"""
# Replaces the file of the package, which names the paths of a Lambda function.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
"""


def main():
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.exit(
            f"{PACKAGE} has no program for {sys.platform} on {platform.machine()}: install Chromium, and name its program in CHROMIUM"
        )
    DIRECTORY.parent.mkdir(parents=True, exist_ok=True)
    with open(DIRECTORY.parent / "browser.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, wanted = DIRECTORY / "installed", f"{PACKAGE} {SHA512}"
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"installing {PACKAGE} into {DIRECTORY.relative_to(venv.ROOT)} …", file=sys.stderr, flush=True)
            # The caller reads one line, which is the directory.
            with contextlib.redirect_stdout(sys.stderr):
                install()
            # Written last, so an interrupted installation is repeated.
            stamp.write_text(wanted)
    print(DIRECTORY)


def install():
    venv.install("browser")
    programs = venv.ROOT / ".local/venv/browser/bin"
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir()
    venv.run([programs / "npm", "pack", "--silent", "--pack-destination", DIRECTORY, PACKAGE], f"npm did not fetch {PACKAGE}")
    (archive,) = DIRECTORY.glob("*.tgz")
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != SHA512:
        sys.exit(f"{PACKAGE} has changed: its SHA-512 is {found}")
    for name in ("chromium", "al2023.tar", "fonts.tar"):
        unpack(archive, name, programs / "node")
    (DIRECTORY / "chromium").chmod(0o755)
    (DIRECTORY / "fonts.conf").write_text(FONTS)
    archive.unlink()


def unpack(archive, name, node):
    """Writes package/bin/NAME.br into the directory, and unpacks it if it is an archive."""
    compressed = DIRECTORY / f"{name}.br"
    with tarfile.open(archive) as package, open(compressed, "wb") as file:
        shutil.copyfileobj(package.extractfile(f"package/bin/{name}.br"), file)
    plain = DIRECTORY / name
    venv.run([node, "-e", DECOMPRESS, "--", compressed, plain], f"{name}.br of {PACKAGE} could not be decompressed")
    compressed.unlink()
    if name.endswith(".tar"):
        with tarfile.open(plain) as inner:
            inner.extractall(DIRECTORY, filter="data")
        plain.unlink()


if __name__ == "__main__":
    main()
