"""The app. It has no models and no migrations: only system checks and the command `manage.py wagrun`."""

from django.apps import AppConfig


class WagrunConfig(AppConfig):
    name = "wagrun"
    verbose_name = "wagrun"

    def ready(self) -> None:
        # Registers the checks, and names the editor in the connections of this process.
        from wagrun import checks, editor  # noqa: F401
