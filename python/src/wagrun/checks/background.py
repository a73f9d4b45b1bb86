"""Checks of what uses the database although no page needs it: caches, sessions, workers."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning

DATABASE_SESSIONS = ("django.contrib.sessions.backends.db", "django.contrib.sessions.backends.cached_db")
# Apps with a worker or a scheduler that asks the database again and again, and what takes their place.
POLLING_APPS = {
    "background_task": "django-background-tasks asks the database for tasks every few seconds",
    "django_apscheduler": "django-apscheduler keeps its jobs in the database",
    "django_celery_beat": "the DatabaseScheduler of django-celery-beat reads its schedule from the database every few seconds",
    "django_dramatiq_pg": "dramatiq-pg waits for tasks with a connection that stays open",
    "procrastinate.contrib.django": "procrastinate waits for tasks with a connection that stays open",
    "django_cron": "django-cron asks the database at each run, whether or not something is due",
}
# The ends of the names of task backends whose workers ask the database.
POLLING_TASKS = ("django_tasks.backends.database.DatabaseBackend", "django_tasks_db.DatabaseBackend")


def cache_is_elsewhere(**kwargs: Any) -> "list[CheckMessage]":
    return [
        Warning(
            f"CACHES[{alias!r}] is in the database: what is served from that cache wakes it nevertheless.",
            hint=f"Set CACHES[{alias!r}]['BACKEND'] to 'django.core.cache.backends.locmem.LocMemCache', or to another that "
            "is not in the database.",
            id="wagrun.W021",
        )
        for alias, cache in settings.CACHES.items()
        if "cache.backends.db." in str(cache.get("BACKEND", ""))
    ]


def sessions_are_rare(**kwargs: Any) -> "list[CheckMessage]":
    """A session is read only for a request with its cookie, so sessions of editors in the database do no harm."""
    if settings.SESSION_ENGINE not in DATABASE_SESSIONS or "django.contrib.sessions" not in settings.INSTALLED_APPS:
        return []
    found: "list[CheckMessage]" = []
    if settings.SESSION_SAVE_EVERY_REQUEST:
        found.append(
            Warning(
                "SESSION_SAVE_EVERY_REQUEST is True: each request with a session cookie writes to the database, also for what "
                "needs nothing of it.",
                hint="Set it to False.",
                id="wagrun.W022",
            )
        )
    if settings.CSRF_USE_SESSIONS:
        found.append(
            Warning(
                "CSRF_USE_SESSIONS is True: each visitor of a page with a form gets a session, and then reads the database "
                "with every request.",
                hint="Set it to False, or SESSION_ENGINE to 'django.contrib.sessions.backends.signed_cookies'.",
                id="wagrun.W022",
            )
        )
    return found


def nothing_polls(**kwargs: Any) -> "list[CheckMessage]":
    return [
        Warning(
            f"{setting}: {reason}. While that runs the database never pauses.",
            hint=hint,
            id="wagrun.W023",
        )
        for setting, reason, hint in [*polling_apps(), *polling_tasks(), *polling_brokers()]
    ]


def polling_apps() -> "list[tuple[str, str, str]]":
    found = [
        (f"INSTALLED_APPS has {name}", reason, "Remove it, or run its worker only while it has work.")
        for name, reason in POLLING_APPS.items()
        if apps.is_installed(name)
    ]
    if apps.is_installed("django_q") and (getattr(settings, "Q_CLUSTER", None) or {}).get("orm"):
        found.append(
            (
                "Q_CLUSTER['orm']",
                "the workers of django-q ask the database for tasks",
                "Set another broker in Q_CLUSTER.",
            )
        )
    return found


def polling_tasks() -> "list[tuple[str, str, str]]":
    return [
        (
            f"TASKS[{alias!r}]",
            "db_worker asks the database for tasks every second",
            f"Set TASKS[{alias!r}]['BACKEND'] to 'django_tasks.backends.immediate.ImmediateBackend', which is Wagtail's default, "
            "or to a backend that is not in the database.",
        )
        for alias, backend in (getattr(settings, "TASKS", None) or {}).items()
        if str(backend.get("BACKEND", "")).endswith(POLLING_TASKS)
    ]


def polling_brokers() -> "list[tuple[str, str, str]]":
    found = [
        (name, "the workers of Celery ask the database for tasks", f"Set {name} to 'sqs://', or to another broker.")
        for name in ("CELERY_BROKER_URL", "BROKER_URL")
        if str(getattr(settings, name, "")).startswith(("sqla+", "sqlalchemy+", "django://"))
    ]
    for alias, layer in (getattr(settings, "CHANNEL_LAYERS", None) or {}).items():
        if str(layer.get("BACKEND", "")).startswith("channels_postgres."):
            found.append(
                (
                    f"CHANNEL_LAYERS[{alias!r}]",
                    "the layer listens with a connection that stays open",
                    "Set another channel layer.",
                )
            )
    return found
