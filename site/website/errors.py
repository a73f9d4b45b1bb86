"""The answer to a request whose page could not be made."""

import sys

from django.db import OperationalError
from django.http import HttpResponseServerError
from django.template.loader import render_to_string
from django.views.defaults import server_error as broken

from website.database.waking import is_retryable

RETRY_SECONDS = 10


def server_error(request):
    """Returns a page that asks the visitor to wait, if the database is still waking. Otherwise returns
    Django's own answer.
    """
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError) and is_retryable(error.__cause__):
        response = HttpResponseServerError(render_to_string("503.html", {"seconds": RETRY_SECONDS}), status=503)
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        response.headers["Cache-Control"] = "no-store"
        return response
    return broken(request)
