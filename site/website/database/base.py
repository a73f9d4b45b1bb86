"""The engine. Django imports it by the name of this module."""

import time
from functools import partial

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as postgresql

from website.database.waking import MAX_WAKE_SECONDS, connect_when_awake


class DatabaseWrapper(postgresql.DatabaseWrapper):
    """Opens each connection with retries, and with a token that is signed for the attempt."""

    def get_connection_params(self):
        # A pool keeps sessions open, so the server never pauses. It also keeps the first token, which expires
        # soon.
        if self.settings_dict["OPTIONS"].get("pool"):
            raise ImproperlyConfigured("the engine website.database has no pool")
        params = super().get_connection_params()
        params.pop("iam_region", None)
        return params

    def get_new_connection(self, conn_params):
        return connect_when_awake(
            partial(self._attempt, conn_params), MAX_WAKE_SECONDS, clock=time.monotonic, sleep=time.sleep
        )

    def _attempt(self, conn_params, timeout):
        params = {**conn_params, "connect_timeout": timeout}
        if region := self.settings_dict["OPTIONS"].get("iam_region"):
            # Imported here, because botocore takes time to load, and a password does not need it.
            from website.database import iam

            params["password"] = iam.token(params["host"], params["port"], params["user"], region)
        return super().get_new_connection(params)
