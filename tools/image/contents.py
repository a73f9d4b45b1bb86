"""Checks a built image without running it: its manifest, its configuration, its files."""

import json
import re
import shutil
import stat
from pathlib import Path

import elf
from builder import Builder
from dockerfile import context
from steps import Failed, say
from template import TEMPLATE, load, unfold

USER = 10001
# Lambda takes these and no index of several: docs/image.md, *Build it*.
MANIFESTS = {
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "v2s2": "application/vnd.docker.distribution.manifest.v2+json",
}
# Every Debian has these, open to all; there is no file in them.
SHARED_DIRECTORIES = {"tmp", "var/tmp", "run/lock"}
LAMBDA_LIMIT = 10 * 1024**3


def check_manifests(builder: Builder, image: str):
    """Pushes the image in both formats into directories, and returns its configuration as the registry would have it."""
    for form, media_type in MANIFESTS.items():
        directory = builder.directory / "pushed"
        shutil.rmtree(directory, ignore_errors=True)
        builder.run(f"push-{form}", "push", f"--format={form}", image, f"dir:{directory}")
        manifest = single_manifest(directory, media_type)
        config = json.loads((directory / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
        size = sum(layer["size"] for layer in manifest["layers"])
        say(f"  pushed as {media_type}: {len(manifest['layers'])} layers, {size / 1e6:.0f} MB compressed")
    shutil.rmtree(directory)
    return config


def single_manifest(directory: Path, media_type: str):
    """The manifest of an image that was pushed into a directory. Raises Failed when it is of another type, or an index."""
    manifest = json.loads((directory / "manifest.json").read_text())
    if manifest.get("mediaType", MANIFESTS["oci"]) != media_type or "layers" not in manifest:
        raise Failed(f"this is no single manifest of the type {media_type}: {json.dumps(manifest)[:500]}")
    return manifest


def check_config(config):
    """Compares the configuration with what the platforms and docs/image.md ask for. Raises Failed with every difference."""
    resources = unfold(load(TEMPLATE.read_text()))["Resources"]
    app_runner = resources["AppRunnerService"]["Properties"]["SourceConfiguration"]["ImageRepository"]["ImageConfiguration"]
    settings = config["config"]
    variables = environment(config)
    wanted = {
        "architecture": (config["architecture"], "amd64"),
        "os": (config["os"], "linux"),
        "User": (settings.get("User"), f"{USER}:{USER}"),
        "Cmd": (settings.get("Cmd"), ["gunicorn"]),
        "Entrypoint": (settings.get("Entrypoint") or None, None),
        "ExposedPorts": (list(settings.get("ExposedPorts") or {}), [f"{app_runner['Port']}/tcp"]),
        "WorkingDir": (settings.get("WorkingDir"), "/site"),
        "Volumes": (settings.get("Volumes") or None, None),
        "HOME": (variables.get("HOME"), "/nonexistent"),
        "the first of PATH": (variables["PATH"].partition(":")[0], "/opt/venv/bin"),
        "DATABASE_CA_BUNDLE": (variables.get("DATABASE_CA_BUNDLE"), "/opt/wagrun/rds-roots.pem"),
        "title": ((settings.get("Labels") or {}).get("org.opencontainers.image.title"), "wagrun site"),
        "variables that look like a secret": ([name for name in variables if re.search("SECRET|PASSWORD|TOKEN", name)], []),
    }
    report(f"{name} is {found!r}, not {value!r}" for name, (found, value) in wanted.items() if found != value)


def environment(config):
    """The image's variables, as a dictionary."""
    return dict(variable.split("=", 1) for variable in config["config"]["Env"])


def check_files(root: Path, copied: Path):
    """Looks at every file of the image; `copied` is the context it was built from. Raises Failed with every problem."""
    problems, size = [], 0
    for path in root.rglob("*"):
        name, status = str(path.relative_to(root)), path.lstat()
        if stat.S_ISLNK(status.st_mode):
            continue
        size += status.st_size
        mode = status.st_mode
        writable = mode & 0o002 or (status.st_uid == USER and mode & 0o200) or (status.st_gid == USER and mode & 0o020)
        if writable and not (name in SHARED_DIRECTORIES and mode & stat.S_ISVTX):
            problems.append(f"user {USER} may write to /{name}")
        ours = name.startswith(("opt", "site"))
        if ours and mode & (0o005 if path.is_dir() else 0o004) != (0o005 if path.is_dir() else 0o004):
            problems.append(f"not everybody may read /{name}")
    for name in ("opt/wagrun/migrate", "opt/venv/bin/gunicorn"):
        if not (root / name).exists() or (root / name).stat().st_mode & 0o111 != 0o111:
            problems.append(f"/{name} is not there, or not for everybody to run")
    if needed := elf.loader(root / "opt/wagrun/migrate"):
        problems.append(f"migrate is not static: it needs {needed}, which another image may not have")
    problems += differences("/opt", {"venv", "wagrun"}, {path.name for path in (root / "opt").iterdir()})
    problems += differences("/opt/wagrun", {"migrate", "rds-roots.pem"}, {path.name for path in (root / "opt/wagrun").iterdir()})
    site = root / "site"
    found = {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    wanted = {name.removeprefix("site/") for name in context(copied) if name.startswith("site/")}
    problems += differences("/site", wanted, {name for name in found if not name.startswith(".collected/")})
    if not (site / ".collected/staticfiles.json").exists():
        problems.append("the static files are not collected")
    if size > LAMBDA_LIMIT:
        problems.append(f"{size} bytes are more than Lambda takes")
    report(problems)
    say(f"  {size / 1e6:.0f} MB of files, of them migrate {(root / 'opt/wagrun/migrate').stat().st_size / 1e6:.1f} MB")


def differences(directory, wanted, found):
    return [f"{directory} has {name} in it" for name in sorted(found - wanted)] + [
        f"{directory} has no {name} in it" for name in sorted(wanted - found)
    ]


def report(problems):
    if problems := list(problems):
        more = f"\n… and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise Failed("the image is not as it should be:\n" + "\n".join(problems[:20]) + more)
