"""The web service: the middleware, the health check, the names and the scheme of requests."""

from inspect import isclass
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.urls import Resolver404, resolve
from django.utils.module_loading import import_string

from wagrun.environment import comma_list
from wagrun.middleware import HEALTH_PATH, WagrunMiddleware

MIDDLEWARE = "wagrun.middleware.WagrunMiddleware"
# These answer no request by themselves that a health check could be, and they use no database.
HARMLESS = (
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
)


def our_place() -> "int | None":
    """Returns the place of the middleware, or of a class that is made from it."""
    if MIDDLEWARE in settings.MIDDLEWARE:
        return list(settings.MIDDLEWARE).index(MIDDLEWARE)
    return next((place for place, path in enumerate(settings.MIDDLEWARE) if is_made_from_ours(path)), None)


def is_made_from_ours(path: str) -> bool:
    try:
        middleware = import_string(path)
    except Exception:
        # It may need a variable that only the web service has. Django says so when the site begins to serve.
        return False
    return isclass(middleware) and issubclass(middleware, WagrunMiddleware)


def middleware_is_first(**kwargs: Any) -> "list[CheckMessage]":
    place = our_place()
    if place is None:
        return [
            Warning(
                f"MIDDLEWARE has no {MIDDLEWARE}: {HEALTH_PATH} is not answered without the database, events do not name the "
                "editor, and the visitor who wakes the database may get an error.",
                hint=f"Set '{MIDDLEWARE}' as the first of MIDDLEWARE.",
                id="wagrun.W011",
            )
        ]
    before = [path for path in settings.MIDDLEWARE[:place] if path not in HARMLESS]
    if not before:
        return []
    return [
        Warning(
            f"MIDDLEWARE has {', '.join(before)} before {settings.MIDDLEWARE[place]}: it may redirect or refuse a health "
            "check, or use the database for it, which then never pauses.",
            hint=f"Move '{settings.MIDDLEWARE[place]}' to the first place of MIDDLEWARE.",
            id="wagrun.W012",
        )
    ]


def health_is_free(**kwargs: Any) -> "list[CheckMessage]":
    if our_place() is None or not getattr(settings, "ROOT_URLCONF", None):
        return []
    try:
        match = resolve(HEALTH_PATH)
    except Resolver404:
        return []
    # Wagtail's pattern for pages matches every path.
    if match.url_name == "wagtail_serve":
        return []
    return [
        Warning(
            f"The URL {HEALTH_PATH} of the view {match._func_path} is never reached: the middleware answers it, without the "
            "database.",
            hint="Give the view another URL. It must not be the one that the platform asks, if it uses the database.",
            id="wagrun.W013",
        )
    ]


def names_are_used(**kwargs: Any) -> "list[CheckMessage]":
    missing = [name for name in comma_list("ALLOWED_HOSTS") if name not in settings.ALLOWED_HOSTS]
    if not missing or "*" in settings.ALLOWED_HOSTS:
        return []
    return [
        Warning(
            f"ALLOWED_HOSTS lacks {', '.join(missing)} of the environment variable ALLOWED_HOSTS: a visitor who comes by that "
            "name gets an error 400.",
            hint="Set ALLOWED_HOSTS = wagrun.conf.allowed_hosts(ALLOWED_HOSTS).",
            id="wagrun.W016",
        )
    ]


def scheme_is_known(**kwargs: Any) -> "list[CheckMessage]":
    if getattr(settings, "WAGRUN_HTTPS", False) or settings.SECURE_PROXY_SSL_HEADER:
        return []
    hint = "Set WAGRUN_HTTPS = wagrun.conf.https(DEBUG), or to True where every visitor comes by https."
    if settings.SECURE_SSL_REDIRECT:
        return [
            Warning(
                "SECURE_SSL_REDIRECT is True, and requests arrive as http behind a platform that ends TLS: every page redirects "
                "to itself.",
                hint=hint,
                id="wagrun.W014",
            )
        ]
    return [
        Warning(
            "WAGRUN_HTTPS is not True: behind a platform that ends TLS requests count as http, and Django refuses the form "
            "with which an editor logs in.",
            hint=hint,
            id="wagrun.W015",
        )
    ]
