"""Runs migrate and then the web service from the image's files, against a PostgreSQL. __main__.py starts it.

It has namespaces of its own: no mount and no process outlives it, and its network is empty but for 127.0.0.1, so that
the ports are those of the platforms.
"""

import fcntl
import json
import re
import socket
import struct
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

import certificates
import elsewhere
import steps
from container import Container, mount
from lambda_runtime import CREDENTIALS, LambdaRuntime
from postgres import PORT as SERVER_PORT, Postgres
from production import MIGRATE, WEB
from steps import Failed, excerpt, expect, say, step, wait_until
from tls import TlsProxy

WEB_USER = 10001
# Lambda's own numbers change; none has a name in the image.
LAMBDA_USER = 993
DATABASE_PORT = 5432
DATABASE = {"DATABASE_PORT": str(DATABASE_PORT)}
WATCHED_TABLES = 17
HOST = "abc.eu-central-1.awsapprunner.com"


def main(files, image, own_files, own_image, directory, environment, logs):
    raise_loopback()
    mount("-t", "tmpfs", "-o", "mode=755", "trial", directory)
    made = directory / "certificates"
    made.mkdir()
    certificates.make(made)
    # The roots of RDS and the public ones are in these files; our server's certificate is from neither.
    trusted = {name: made / "authority.pem" for name in elsewhere.ROOTS}
    container = Container(files, directory / "root", image, trusted)
    with step("PostgreSQL"):
        (directory / "postgres").mkdir(mode=0o755)
        postgres = Postgres(environment, directory / "postgres", logs)
        tls = TlsProxy(made, DATABASE_PORT, SERVER_PORT)
    with step("migrate, by Lambda's Runtime API"):
        # Lambda puts the entry point before the image's own command.
        migrate(container, ["/opt/wagrun/migrate", *image["config"]["Cmd"]], postgres, logs / "migrate.log")
    with step("gunicorn"):
        serve(container, image["config"]["Cmd"], tls, logs / "gunicorn.log")
    variables = {**MIGRATE, **DATABASE}
    with step("migrate from the image of another site"):
        postgres.query(f"create database {elsewhere.DATABASE} owner wagtail_admin template template0", "postgres")
        container = Container(own_files, directory / "own", own_image, trusted)
        elsewhere.migrate_own_site(container, own_image, variables, LAMBDA_USER, logs / "own-site.log")
    with step("migrate alone, with no C library beside it"):
        container = elsewhere.bare_container(files, directory, trusted)
        elsewhere.run_without_a_library(container, variables, LAMBDA_USER, logs / "bare.log")


def migrate(container, command, postgres, log):
    """Has migrate migrate an empty database, twice, and compares what it says with what is there."""
    runtime = LambdaRuntime()
    process = container.start(command, {**runtime.variables(), **MIGRATE, **DATABASE}, LAMBDA_USER, log)
    first = runtime.succeed("migrate", process, log)
    expect("migrations applied", "home.0002_create_homepage" in first["applied_django"], first)
    expect(f"{WATCHED_TABLES} tables watched", first["watched_tables"] == WATCHED_TABLES, first)
    say(f"  {len(first['applied_django'])} Django migrations, {first['watched_tables']} watched tables, {first['milliseconds']} ms")
    # Django also records what a squashed migration stands for.
    missing = set(first["applied_django"]) - set(postgres.query("select app || '.' || name from django_migrations"))
    expect("each of them recorded by Django", not missing, missing)
    second = runtime.succeed("migrate", process, log)
    expect("nothing left to do", second["applied_django"] == [] and second["run"] == first["run"] + 1, second)
    say(f"  again: nothing to apply, {second['milliseconds']} ms")
    process.terminate()
    process.wait()


def serve(container, command, tls, log):
    """Has gunicorn serve the health check before anything else, then pages, and a file that a page names."""
    process = container.start(command, {**WEB, **DATABASE, **CREDENTIALS}, WEB_USER, log)
    get = Client(process, log)
    connected_before = tls.passed_on
    wait_until("the health check", 60, lambda: get("/health/", host="127.0.0.1", waits=True))
    expect("no database asked by a health check", tls.passed_on == connected_before, tls.passed_on)
    login = get("/admin/login/")[1].decode()
    expect("the admin's login page", 'name="password"' in login, login[:500])
    stylesheet = re.search(r'/static/wagtailadmin/css/core\.[0-9a-f]{12}\.css', login)
    expect("a hashed stylesheet in it", stylesheet, login[:2000])
    headers, content = get(stylesheet[0])
    cached = headers["Cache-Control"] == "max-age=315360000, public, immutable"
    expect("that is served, to be cached for ever", cached and len(content) > 10_000, dict(headers))
    page = get("/")[1].decode()
    expect("the home page", "<h1>" in page and "</html>" in page, page[:500])
    said = re.search("<title>(.*?)</title>", page, re.DOTALL)
    say(f"  /health/, /admin/login/, {stylesheet[0]}, / ({' '.join(said[1].split()) if said else 'no title'})")
    expect("encrypted connections to the database", tls.passed_on > connected_before, tls.passed_on)
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in children(process.pid)}
    expect(f"workers, of user {WEB_USER}", owners == {WEB_USER}, owners)
    left = [path.name for path in (container.root / "tmp").iterdir()]
    expect("nothing left in /tmp", not left, left)
    process.terminate()
    expect("an end when it is asked to", process.wait(60) == 0, excerpt(log))


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class Client:
    """Asks gunicorn, as the platform in front of it does."""

    def __init__(self, process, log):
        self.process, self.log = process, log

    def __call__(self, path, host=HOST, waits=False):
        """Headers and content of a successful answer; None where nobody listens yet and `waits` is set."""
        request = urllib.request.Request(f"http://127.0.0.1:{WEB['PORT']}{path}", headers={"Host": host})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            raise Failed(f"{path}: {error}\n{error.read().decode(errors='replace')[:500]}\n{excerpt(self.log)}") from error
        except OSError as error:
            if self.process.poll() is None and waits:
                return None
            raise Failed(f"{path}: {error}\n{excerpt(self.log)}") from error


def raise_loopback():
    """Does what `ip link set lo up` does: a new network begins with 127.0.0.1 down."""
    get_flags, set_flags, is_up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, flags = struct.unpack("16sH", fcntl.ioctl(any_socket, get_flags, struct.pack("16sH22x", b"lo", 0))[:18])
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sH22x", name, flags | is_up))


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    steps.BEGAN = given["began"]
    try:
        paths = {name: Path(given[name]) for name in ("files", "own_files", "directory", "environment", "logs")}
        main(**paths, image=given["image"], own_image=given["own_image"])
    except Failed as failure:
        sys.exit(f"make image: {failure}")
