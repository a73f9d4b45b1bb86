"""The one middleware. It is the first in MIDDLEWARE, so that nothing comes before its answer to a health check."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from wagrun import editor, waking_page

HEALTH_PATH = "/health/"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
_EDITOR = "_wagrun_editor"


class WagrunMiddleware:
    """Answers health checks, marks requests as https, names the editor, and answers while the database wakes.

    `/health/` uses no session and no page, and so no database: a health check every few seconds would keep the
    database from pausing. Django checks ALLOWED_HOSTS only at a call of `request.get_host()`, and nothing before
    this point calls it. So a check that uses the address of the container is answered too.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        load_aws()

    def __call__(self, request: HttpRequest) -> "HttpResponse | Awaitable[HttpResponse]":
        if self.is_async:
            return self.answer_async(request)
        return self.answer(request)

    def answer(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == HEALTH_PATH:
            return healthy()
        mark_scheme(request)
        its_editor, outer = editor.begin()
        setattr(request, _EDITOR, its_editor)
        try:
            response = cast(HttpResponse, self.get_response(request))
        finally:
            editor.end(its_editor, outer)
        return waking_page.in_place_of(request, response)

    async def answer_async(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == HEALTH_PATH:
            return healthy()
        mark_scheme(request)
        its_editor, outer = editor.begin()
        setattr(request, _EDITOR, its_editor)
        try:
            response = cast(HttpResponse, await self.get_response(request))
        finally:
            editor.end(its_editor, outer)
        return waking_page.in_place_of(request, response)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        # Here every middleware has begun, so AuthenticationMiddleware has set the user. Django calls this in a thread
        # when the request is async. Without a session cookie the user is anonymous without a look at the database.
        user = getattr(request, "user", None)
        if request.method not in SAFE_METHODS and user is not None and user.is_authenticated:
            getattr(request, _EDITOR).name(user.pk)


def load_aws() -> None:
    """Loads the modules for AWS that the settings need. A server makes its middleware before it forks, so its workers
    share their memory, and the first visitor does not wait.
    """
    if any("iam_region" in (database.get("OPTIONS") or {}) for database in settings.DATABASES.values()):
        import wagrun.database.iam  # noqa: F401
    storages = getattr(settings, "STORAGES", {})
    if any(storage.get("BACKEND") == "wagrun.media.MediaStorage" for storage in storages.values()):
        import wagrun.media  # noqa: F401


def healthy() -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


def mark_scheme(request: HttpRequest) -> None:
    """Marks the request as https if WAGRUN_HTTPS is true.

    App Runner and ECS Express end TLS in front of the container and let nothing else through. Django compares
    the origin of a form with `request.scheme`. So a log-in is refused if the platform sends no
    X-Forwarded-Proto or a wrong one. The alternative is to trust the whole domain of the platform
    (CSRF_TRUSTED_ORIGINS with a `*`), which would trust all other sites on it.
    """
    if not getattr(settings, "WAGRUN_HTTPS", False):
        return
    scope = getattr(request, "scope", None)
    if scope is not None:
        setattr(request, "scope", {**scope, "scheme": "https"})
    elif hasattr(request, "environ"):
        request.environ["wsgi.url_scheme"] = "https"
    # A site that trusts a header of its platform gets the one that is right.
    if settings.SECURE_PROXY_SSL_HEADER:
        header, value = settings.SECURE_PROXY_SSL_HEADER
        request.META[header] = value
