"""Settings that follow from the environment variables of wagrun's template, with the site's own for everywhere else.

    from wagrun import conf as wagrun

    DATABASES["default"] = wagrun.database(DATABASES["default"])
    STORAGES["default"] = wagrun.storage(STORAGES["default"])
    ALLOWED_HOSTS = wagrun.allowed_hosts(ALLOWED_HOSTS)
    WAGRUN_HTTPS = wagrun.https(DEBUG)

The variables are in the README beside this package. An empty variable counts as absent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from wagrun.environment import comma_list, one_of, optional, required

ENGINE = "wagrun.database"
POSTGRESQL_ENGINES = ("postgres", "postgis", "psqlextra", ENGINE)
# What a site keeps of its own database settings: those that do not say where the database is, and how to get in.
KEPT = ("ATOMIC_REQUESTS", "AUTOCOMMIT", "DISABLE_SERVER_SIDE_CURSORS", "TEST", "TIME_ZONE")
CONNECTION_OPTIONS = {
    "connect_timeout", "iam_region", "passfile", "pool", "service",
    "sslcert", "sslcrl", "sslkey", "sslmode", "sslpassword", "sslrootcert",
}  # fmt: skip


# Settings import this module, also those that forget the app, which registers all other checks.
@checks.register("wagrun")
def app_is_installed(**kwargs: Any) -> "list[checks.CheckMessage]":
    if apps.is_installed("wagrun"):
        return []
    return [
        checks.Warning(
            "The settings use wagrun.conf, and 'wagrun' is not in INSTALLED_APPS: its checks and its command are missing.",
            hint="Add 'wagrun' to INSTALLED_APPS.",
            id="wagrun.W017",
        )
    ]


def database(or_else: "Mapping[str, Any] | None" = None, *, engine: str = ENGINE) -> "dict[str, Any]":
    """Returns the database of the variables DATABASE_HOST, DATABASE_NAME and so on.

    Without DATABASE_HOST it returns `or_else`: on the machine of a developer, what the site has always used. With it,
    `or_else` gives only settings that name no server, such as ATOMIC_REQUESTS.
    """
    if or_else is not None and optional("DATABASE_HOST") is None:
        return dict(or_else)
    own = dict(or_else or {})
    options = dict(own.get("OPTIONS") or {}) if is_postgresql(str(own.get("ENGINE", ""))) else {}
    return {
        **{name: own[name] for name in KEPT if name in own},
        "ENGINE": engine,
        "HOST": required("DATABASE_HOST"),
        "PORT": optional("DATABASE_PORT", "5432"),
        "NAME": required("DATABASE_NAME"),
        "USER": required("DATABASE_USER"),
        # If the server trusts the address, as a local one does, no password is needed.
        "PASSWORD": optional("DATABASE_PASSWORD", ""),
        # Any open connection keeps the database from pausing. So a connection ends with its request, and there
        # is no pool.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {name: value for name, value in options.items() if name not in CONNECTION_OPTIONS}
        | _connection_options(),
    }


def is_postgresql(engine: str) -> bool:
    """Returns true for Django's engine for PostgreSQL and those that are made from it, by their names."""
    return any(name in engine for name in POSTGRESQL_ENGINES)


def _connection_options() -> "dict[str, Any]":
    options = {"sslmode": optional("DATABASE_SSL_MODE", "verify-full")}
    if one_of("DATABASE_AUTH", ("none", "iam"), "none") == "iam":
        if options["sslmode"] != "verify-full":
            # Every reader of a token can connect with it for a quarter of an hour.
            raise ImproperlyConfigured("DATABASE_AUTH=iam needs DATABASE_SSL_MODE=verify-full")
        options["iam_region"] = required("AWS_REGION")
    # With a bundle, libpq verifies for `require` too. But `require` is meant for a server whose authority the image
    # does not know.
    ca_bundle = optional("DATABASE_CA_BUNDLE")
    if ca_bundle and options["sslmode"].startswith("verify-"):
        options["sslrootcert"] = ca_bundle
    return options


def storage(or_else: "Mapping[str, Any] | None" = None) -> "dict[str, Any]":
    """Returns the storage of uploads: the bucket MEDIA_BUCKET. Without the variable it returns `or_else`, or Django's own
    storage in MEDIA_ROOT.
    """
    if bucket := optional("MEDIA_BUCKET"):
        options = {"bucket_name": bucket, "region_name": required("AWS_REGION")}
        return {"BACKEND": "wagrun.media.MediaStorage", "OPTIONS": options}
    return dict(or_else or {"BACKEND": "django.core.files.storage.FileSystemStorage"})


def allowed_hosts(own: Sequence[str] = ()) -> "list[str]":
    """Returns the site's own host names, and those of the variable ALLOWED_HOSTS."""
    return [*own, *(name for name in comma_list("ALLOWED_HOSTS") if name not in own)]


def site_url() -> "str | None":
    """Returns the site's address by the variable SITE_URL, without a slash at its end."""
    return optional("SITE_URL", "").rstrip("/") or None


def https(debug: bool = False) -> bool:
    """Returns true if every visitor comes by https, so that the middleware takes each request for https.

    SITE_URL decides by its scheme. A platform chooses the name of the site when it creates the service, too late for an
    environment variable. So without SITE_URL the site counts as https where DATABASE_HOST is set, except with `debug`.
    """
    if url := site_url():
        return url.startswith("https://")
    return optional("DATABASE_HOST") is not None and not debug
