"""The answer to a request for which the database did not wake in time: 503, and "try again in a moment"."""

import sys
from typing import Any

from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string

RETRY_SECONDS = 10
# A site replaces the page by a template of this name, which must not need the database. It gets `seconds`.
TEMPLATE = "503.html"
PAGE = f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta http-equiv="refresh" content="{RETRY_SECONDS}"><title>One moment</title></head>
<body><h1>One moment</h1><p>The site is waking up. This page will try again by itself.</p></body>
</html>
"""
_MARK = "_wagrun_database_is_waking"


def is_waking(error: "BaseException | None") -> bool:
    """Returns true if the error is that of a database which did not accept connections yet."""
    if not isinstance(error, OperationalError):
        return False
    # Imported here, because it loads the driver, which a site on another database need not have.
    from wagrun.database.waking import is_retryable

    return is_retryable(error.__cause__)


def remember_error(sender: Any, request: "HttpRequest | None" = None, **kwargs: Any) -> None:
    # Django sends this signal for every error that no view and no middleware has handled, before it makes the answer.
    if request is not None and is_waking(sys.exc_info()[1]):
        setattr(request, _MARK, True)


got_request_exception.connect(remember_error)


def in_place_of(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Returns the page in place of Django's answer to such an error. Returns any other answer as it is."""
    if response.status_code != 500 or not getattr(request, _MARK, False):
        return response
    try:
        page: str = render_to_string(TEMPLATE, {"seconds": RETRY_SECONDS})
    except TemplateDoesNotExist:
        page = PAGE
    headers = {"Retry-After": str(RETRY_SECONDS), "Cache-Control": "no-store"}
    return HttpResponse(page, status=503, headers=headers)
