"""Makes stand-ins for the base images: Debian's packages, laid out as in the official images.

The real ones are in a registry that is not to be reached from everywhere. A stand-in has the same Debian, the same
packages and the same places of programs. It has Debian's own patch release of Python, and the Rust of this machine.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from builder import Builder
from steps import NAMESPACES, Failed, run, step

# The name that a stand-in keeps when another one is made for the same base image.
KEPT = "stand-in"
SHARED_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What the slim images leave out, and what debootstrap and apt leave behind.
LEFT_OUT = ("dev", "proc", "sys", "tmp", "usr/share/doc", "usr/share/man", "var/cache/apt", "var/lib/apt/lists", "var/log")


def make(builder: Builder, name: str):
    """Makes a stand-in of this name, `rust:…` or `python:…`, unless the storage has it made in the same way."""
    image, _, tag = name.partition(":")
    found = re.fullmatch(r"(\d+\.\d+)\.\d+-slim-([a-z]+)", tag)
    make_layout = {"rust": lay_out_rust, "python": lay_out_python}.get(image)
    if not found or not make_layout:
        raise Failed(f"there is no stand-in for the base image {name}: tools/image/bases.py knows rust and python, slim")
    version = rust_version() if image == "rust" else found[1]
    if not tag.startswith(version):
        raise Failed(f"{name} needs Rust {tag.partition('-')[0]} on this machine, which has {version}")
    # By its recipe, so that a change of this file, or of Rust, makes a new one.
    recipe = hashlib.sha256(f"{name} {version} {Path(__file__).read_text()}".encode()).hexdigest()[:12]
    kept = f"{KEPT}:{recipe}"
    if not builder.has(kept):
        with step(f"a stand-in for {name}"):
            make_layout(builder, kept, found[2], version)
    builder.ask("tag", kept, name)


def lay_out_rust(builder, name, suite, version):
    container, root = debian(builder, suite, ["ca-certificates", "gcc", "libc6-dev"])
    name_of_toolchain = f"{version}-x86_64-unknown-linux-gnu"
    toolchain = Path(output("rustc", "--print", "sysroot"))
    target = f"usr/local/rustup/toolchains/{name_of_toolchain}"
    # Documentation is more than half of a toolchain.
    shutil.copytree(toolchain, root / target, symlinks=True, ignore=shutil.ignore_patterns("share", "src"))
    (root / "usr/local/cargo/bin").mkdir(parents=True)
    for program in ("cargo", "rustc"):
        (root / "usr/local/cargo/bin" / program).symlink_to(f"/{target}/bin/{program}")
    # rustup installs further targets in the build.
    shutil.copy2(output("which", "rustup"), root / "usr/local/cargo/bin/rustup")
    settings = f'version = "12"\ndefault_toolchain = "{name_of_toolchain}"\nprofile = "minimal"\n'
    (root / "usr/local/rustup/settings.toml").write_text(settings)
    variables = {
        "RUSTUP_HOME": "/usr/local/rustup",
        "CARGO_HOME": "/usr/local/cargo",
        "PATH": f"/usr/local/cargo/bin:{SHARED_PATH}",
        "RUST_VERSION": version,
    }
    commit(builder, container, name, variables, "bash")


def lay_out_python(builder, name, suite, version):
    packages = ["ca-certificates", "netbase", "tzdata", f"python{version}", "python3", "python3-pip", "python3-venv"]
    container, root = debian(builder, suite, packages)
    for link, program in (("python", f"python{version}"), ("python3", f"python{version}"), ("pip", "pip3")):
        (root / "usr/local/bin" / link).symlink_to(f"/usr/bin/{program}")
    commit(builder, container, name, {"PATH": f"/usr/local/bin:{SHARED_PATH}"}, "python3")


def debian(builder, suite, packages):
    """A new working container with a small Debian, and the place of its root directory."""
    container = builder.ask("from", "scratch")
    root = Path(builder.ask("mount", container))
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(root), *mirror()]
    run([*NAMESPACES, *command], builder.logs / f"debootstrap-{suite}.log")
    for directory in LEFT_OUT:
        for path in (root / directory).iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    # A build that installs packages needs it.
    (root / "var/log/apt").mkdir()
    return container, root


def mirror():
    """The mirror of Debian that this machine's apt uses; debootstrap's own choice where it uses none."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    found = subprocess.run(command, capture_output=True, text=True).stdout.split() if shutil.which("apt-get") else []
    return found[:1]


def commit(builder, container, name, variables, command):
    environment = [f"--env={variable}={value}" for variable, value in variables.items()]
    builder.ask("config", *environment, f"--cmd={command}", container)
    builder.run("commit", "commit", "--rm", container, name)


def rust_version():
    """The version of this machine's Rust, such as 1.95.0."""
    return output("rustc", "--version").split()[1]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout.strip()
