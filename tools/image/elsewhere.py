"""Runs migrate where it was not built for: in the image of another site, and beside nothing at all."""

import json
import shutil
from pathlib import Path

from container import Container
from lambda_runtime import LambdaRuntime
from steps import expect, say

# The files with certificates of authorities that migrate reads.
ROOTS = ("/opt/wagrun/rds-roots.pem", "/etc/ssl/certs/ca-certificates.crt")
DATABASE = "cms"
# The parameters of the template by which migrate finds this site.
SITE = {
    "DATABASE_NAME": DATABASE,
    "SITE_DIRECTORY": "/app",
    "SITE_ENVIRONMENT": json.dumps({"DJANGO_SETTINGS_MODULE": "cms.settings.production"}),
}


def migrate_own_site(container: Container, image, variables, user, log: Path):
    """Has migrate migrate an empty database with the site of this image."""
    runtime = LambdaRuntime()
    command = ["/opt/wagrun/migrate", *image["config"]["Cmd"]]
    process = container.start(command, {**runtime.variables(), **variables, **SITE}, user, log)
    answer = runtime.succeed("migrate", process, log)
    expect("its migrations applied", "home.0002_create_homepage" in answer["applied_django"], answer)
    say(f"  {len(answer['applied_django'])} Django migrations, {answer['watched_tables']} watched tables")
    process.terminate()
    process.wait()


def bare_container(files: Path, directory: Path, trusted):
    """Lays out a root directory with migrate, its certificates and nothing else."""
    root = directory / "bare"
    for name in ("/opt/wagrun/migrate", *ROOTS):
        (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(files / name[1:], root / name[1:])
    for mount_point in ("proc", "dev", "tmp"):
        (root / mount_point).mkdir()
    config = {"config": {"Env": ["HOME=/nonexistent", f"DATABASE_CA_BUNDLE={ROOTS[0]}"], "WorkingDir": "/"}}
    return Container(root, directory / "bare-root", config, trusted)


def run_without_a_library(container: Container, variables, user, log: Path):
    """Has migrate do what needs no site, and say what it misses for the rest."""
    runtime = LambdaRuntime()
    process = container.start(["/opt/wagrun/migrate"], {**runtime.variables(), **variables}, user, log)
    status = runtime.succeed("status", process, log)
    expect("the runs before this one", len(status["runs"]) == 2, status)
    kind, answer = runtime.invoke("migrate", process, log)
    expect("an error that names the missing Python", kind == "error" and "cannot run python3 in /site" in json.dumps(answer), answer)
    say(f"  status: schema {status['schema']['installed']}; migrate: {answer['errorMessage'][:100]}")
    process.terminate()
    process.wait()
