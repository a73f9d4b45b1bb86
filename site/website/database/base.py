"""The engine; Django imports it by this module's name."""

import time
from functools import partial

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as postgresql

from website.database.waking import LONGEST_WAKE, connect_when_awake


class DatabaseWrapper(postgresql.DatabaseWrapper):
    """Opens connections one by one, with patience and with a token that was signed for that attempt."""

    def get_connection_params(self):
        # A pool keeps sessions open, so that the server never sleeps, and keeps the first token, which ends soon.
        if self.settings_dict["OPTIONS"].get("pool"):
            raise ImproperlyConfigured("the engine website.database has no pool")
        params = super().get_connection_params()
        params.pop("iam_region", None)
        return params

    def get_new_connection(self, conn_params):
        return connect_when_awake(
            partial(self._attempt, conn_params), LONGEST_WAKE, clock=time.monotonic, sleep=time.sleep
        )

    def _attempt(self, conn_params, timeout):
        params = {**conn_params, "connect_timeout": timeout}
        if region := self.settings_dict["OPTIONS"].get("iam_region"):
            # Here, as botocore takes a while to load, and a password needs none of it.
            from website.database import iam

            params["password"] = iam.token(params["host"], params["port"], params["user"], region)
        return super().get_new_connection(params)
