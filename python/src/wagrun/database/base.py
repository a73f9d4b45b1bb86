"""The engine. Django imports it by the name of this module."""

import time
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as postgresql

from wagrun.database.waking import MAX_WAKE_SECONDS, connect_when_awake


class WakingDatabase:
    """Opens each connection with retries, and with a token that is signed for the attempt.

    It comes before the DatabaseWrapper of an engine for PostgreSQL, such as PostGIS, in the bases of a class.
    """

    settings_dict: dict[str, Any]

    def get_connection_params(self) -> dict[str, Any]:
        # A pool keeps sessions open, so the server never pauses. It also keeps the first token, which expires
        # soon.
        if self.settings_dict["OPTIONS"].get("pool"):
            raise ImproperlyConfigured("the engine wagrun.database has no pool: remove OPTIONS['pool'] from DATABASES")
        params: dict[str, Any] = super().get_connection_params()  # type: ignore[misc]
        params.pop("iam_region", None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        return connect_when_awake(
            partial(self._attempt, conn_params), MAX_WAKE_SECONDS, clock=time.monotonic, sleep=time.sleep
        )

    def _attempt(self, conn_params: dict[str, Any], timeout: int) -> Any:
        params = {**conn_params, "connect_timeout": timeout}
        if region := self.settings_dict["OPTIONS"].get("iam_region"):
            # Imported here, because botocore takes time to load, and a password does not need it.
            from wagrun.database import iam

            params["password"] = iam.token(params["host"], params.get("port", 5432), params["user"], region)
        return super().get_new_connection(params)  # type: ignore[misc]


class DatabaseWrapper(WakingDatabase, postgresql.DatabaseWrapper):
    """Django's own engine for PostgreSQL, with psycopg 3 or psycopg2."""
