"""What a visitor sees when a page could not be made."""

import sys

from django.db import OperationalError
from django.http import HttpResponseServerError
from django.template.loader import render_to_string
from django.views.defaults import server_error as broken

from website.database.waking import may_be_waking

RETRY_SECONDS = 10


def server_error(request):
    """Asks the visitor of a database that is still waking for a moment's patience; else Django's own answer."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError) and may_be_waking(error.__cause__):
        response = HttpResponseServerError(render_to_string("503.html", {"seconds": RETRY_SECONDS}), status=503)
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        response.headers["Cache-Control"] = "no-store"
        return response
    return broken(request)
