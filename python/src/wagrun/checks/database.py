"""The connections: that they end, that they are safe, and that they lead where the environment says."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from wagrun.conf import ENGINE, is_postgresql
from wagrun.environment import optional

POOLS = ("dj_db_conn_pool", "geventpool", "postgrespool", "psycopg_pool")


def postgresql_databases() -> "Iterator[tuple[str, dict[str, Any], dict[str, Any]]]":
    """Yields the alias, the settings and the OPTIONS of each database that is PostgreSQL."""
    for alias, database in settings.DATABASES.items():
        engine = str(database.get("ENGINE", ""))
        if is_postgresql(engine) or any(name in engine for name in POOLS):
            yield alias, database, database.get("OPTIONS") or {}


def wrapper(engine: str) -> "type[BaseDatabaseWrapper] | None":
    """Returns the class of the engine's connections. None without the engine or its driver, which Django reports itself."""
    try:
        found: "type[BaseDatabaseWrapper]" = load_backend(engine).DatabaseWrapper
    except ImproperlyConfigured:
        return None
    return found


def waits(engine: str) -> bool:
    """Returns true for wagrun.database and engines that are made from it."""
    found = wrapper(engine)
    if found is None or found.vendor != "postgresql":
        return False
    # Imported here, because it needs a driver for PostgreSQL.
    from wagrun.database.base import WakingDatabase

    return issubclass(found, WakingDatabase)


def connections_end(**kwargs: Any) -> "list[CheckMessage]":
    found: "list[CheckMessage]" = []
    for alias, database, options in postgresql_databases():
        age = database.get("CONN_MAX_AGE", 0)
        if age != 0:
            found.append(
                Warning(
                    f"DATABASES[{alias!r}]['CONN_MAX_AGE'] is {age!r}: a connection that stays open keeps the database awake.",
                    hint="Set it to 0.",
                    id="wagrun.W001",
                )
            )
        if options.get("pool") or any(name in str(database.get("ENGINE")) for name in POOLS):
            found.append(
                Warning(
                    f"DATABASES[{alias!r}] has a connection pool: its open connections keep the database awake, and it keeps "
                    "a token of IAM that expires.",
                    hint=f"Set ENGINE to '{ENGINE}', and remove OPTIONS['pool'].",
                    id="wagrun.W002",
                )
            )
    return found


def authorities_are_known(**kwargs: Any) -> "list[CheckMessage]":
    found: "list[CheckMessage]" = []
    for alias, _, options in postgresql_databases():
        mode = options.get("sslmode") or os.environ.get("PGSSLMODE") or ""
        if not mode.startswith("verify-"):
            continue
        named = options.get("sslrootcert") or os.environ.get("PGSSLROOTCERT")
        if named == "system":
            continue
        # Not Path.home(), which fails for a user without a home.
        bundle = Path(named or os.path.expanduser("~/.postgresql/root.crt"))
        if not os.access(bundle, os.R_OK):
            found.append(
                Warning(
                    f"DATABASES[{alias!r}] verifies the server (sslmode {mode}) by the authorities in {bundle}, and that file "
                    "cannot be read: no connection will succeed.",
                    hint="Set OPTIONS['sslrootcert'], or the variable DATABASE_CA_BUNDLE, to a bundle with the server's "
                    "authorities. For RDS and Aurora it is /opt/wagrun/rds-roots.pem in an image with wagrun.",
                    id="wagrun.W003",
                )
            )
    return found


def tokens_are_safe(**kwargs: Any) -> "list[CheckMessage]":
    found: "list[CheckMessage]" = []
    for alias, database, options in postgresql_databases():
        if not options.get("iam_region"):
            continue
        if options.get("sslmode") != "verify-full":
            found.append(
                Warning(
                    f"DATABASES[{alias!r}] sends tokens of IAM to a server that need not prove who it is.",
                    hint="Set OPTIONS['sslmode'] to 'verify-full'.",
                    id="wagrun.W004",
                )
            )
        if not waits(str(database["ENGINE"])):
            found.append(
                Warning(
                    f"DATABASES[{alias!r}] has the option iam_region, which the engine {database['ENGINE']} does not know.",
                    hint=f"Set ENGINE to '{ENGINE}'.",
                    id="wagrun.W005",
                )
            )
        elif find_spec("botocore") is None:
            found.append(
                Warning(
                    f"DATABASES[{alias!r}] has the option iam_region, and the package botocore is not installed.",
                    hint="Install wagrun[aws].",
                    id="wagrun.W005",
                )
            )
    return found


def environment_is_used(**kwargs: Any) -> "list[CheckMessage]":
    database = settings.DATABASES.get(DEFAULT_DB_ALIAS, {})
    ignored = [
        f"{variable} is {wanted!r} and DATABASES['default'][{setting!r}] is {str(database.get(setting, ''))!r}"
        for variable, setting in (("DATABASE_HOST", "HOST"), ("DATABASE_NAME", "NAME"))
        if optional("DATABASE_HOST") and (wanted := optional(variable)) and str(database.get(setting, "")) != wanted
    ]
    if not ignored:
        return []
    return [
        Warning(
            f"The settings take the database from elsewhere than the environment: {'; '.join(ignored)}. On AWS Django would "
            "use another database than wagrun.",
            hint="Set DATABASES['default'] = wagrun.conf.database(DATABASES['default']), after everything else that sets it.",
            id="wagrun.W007",
        )
    ]


def engine_waits(**kwargs: Any) -> "list[CheckMessage]":
    engine = str(settings.DATABASES.get(DEFAULT_DB_ALIAS, {}).get("ENGINE", ""))
    found = wrapper(engine) if engine else None
    if found is None:
        return []
    if found.vendor != "postgresql":
        problem = f"{engine} is not for PostgreSQL, and wagrun captures changes in PostgreSQL only."
    elif not waits(engine):
        problem = f"{engine} does not wait for a database that wakes up: the visitor who wakes it gets an error."
    else:
        return []
    return [
        Warning(
            f"DATABASES['default']: {problem}",
            hint=f"Set ENGINE to '{ENGINE}', as wagrun.conf.database() does where DATABASE_HOST is set.",
            id="wagrun.W008",
        )
    ]
