"""The files that editors upload: that they outlive the container."""

from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning

from wagrun.environment import optional

LOCAL_STORAGE = "django.core.files.storage.FileSystemStorage"
OURS = "wagrun.media.MediaStorage"
HINT = "Set STORAGES['default'] = wagrun.conf.storage(STORAGES['default'])."


def backend() -> str:
    # Wagtail 6.3 runs on Django 4.2, where a site may still have DEFAULT_FILE_STORAGE, which fills STORAGES too.
    return str(settings.STORAGES.get("default", {}).get("BACKEND", LOCAL_STORAGE))


def bucket_is_used(**kwargs: Any) -> "list[CheckMessage]":
    found: "list[CheckMessage]" = []
    if optional("MEDIA_BUCKET") and backend() == LOCAL_STORAGE:
        found.append(
            Warning(
                "The variable MEDIA_BUCKET names a bucket, and STORAGES['default'] is a directory: uploads end with the "
                "container.",
                hint=HINT,
                id="wagrun.W031",
            )
        )
    if backend() == OURS and (find_spec("storages") is None or find_spec("boto3") is None):
        found.append(
            Warning(
                f"STORAGES['default'] is {OURS}, and the packages django-storages and boto3 are not installed.",
                hint="Install wagrun[aws].",
                id="wagrun.W033",
            )
        )
    return found


def files_are_kept(**kwargs: Any) -> "list[CheckMessage]":
    if backend() != LOCAL_STORAGE or optional("MEDIA_BUCKET"):
        return []
    return [
        Warning(
            "STORAGES['default'] is a directory: on App Runner and ECS Express uploads end with the container.",
            hint=HINT + " It takes the bucket of the variable MEDIA_BUCKET, which is absent here.",
            id="wagrun.W032",
        )
    ]
