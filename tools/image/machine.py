"""Finds how this machine reaches the package registries, and lends that to a build without leaving it in the image."""

import os
import ssl
import subprocess
import sys
from pathlib import Path

PIP_OPTIONS = ("index-url", "extra-index-url", "proxy", "trusted-host")


def volumes(directory: Path):
    """Options of `buildah build` that mount this machine's certificates and settings of pip and cargo for each RUN."""
    mounts = {"/etc/ssl/certs/ca-certificates.crt": certificates()}
    if settings := pip_settings():
        (directory / "pip.conf").write_text(settings)
        mounts["/etc/pip.conf"] = directory / "pip.conf"
    cargo = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "config.toml"
    if cargo.exists():
        mounts["/usr/local/cargo/config.toml"] = cargo
    return [f"--volume={source}:{target}:ro" for target, source in mounts.items() if source]


def certificates():
    """The file of the authorities that this machine trusts; there may be one more than in Debian's package."""
    return os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile


def pip_settings():
    """pip's settings on this machine that say where packages come from, as a file for another pip."""
    listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    found = {}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if option in PIP_OPTIONS:
            found[option] = value.strip("'")
    return "[global]\n" + "".join(f"{option} = {value}\n" for option, value in found.items()) if found else ""
