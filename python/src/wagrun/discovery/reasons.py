"""The reasons for which a model is not watched, in words. docs/events.md has the list ("What is no event")."""

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DEFAULT_DB_ALIAS, router
from wagtail.images.models import AbstractRendition
from wagtail.models import BaseLogEntry, Comment, CommentReply, Revision, Task, TaskState

from wagrun.discovery.content_tables import Discovery, Model

# Packages that come with Wagtail, or that many sites have beside it. None of their models is a site's own.
FRAMEWORKS = ("django.", "wagtail.", "taggit", "rest_framework", "django_celery", "django_tasks", "wagrun")


def is_framework(model: Model) -> bool:
    return f"{apps.get_app_config(model._meta.app_label).name}.".startswith(FRAMEWORKS)


def reason(model: Model, discovery: Discovery) -> str:
    """Returns a sentence without its subject, such as "is an account"."""
    options = model._meta
    if options.proxy:
        concrete = model._meta.concrete_model or model
        if concrete in discovery.tables:
            return f"is a proxy of {concrete._meta.label}, which is watched"
        return f"is a proxy of {concrete._meta.label}, which is not watched"
    if options.swapped:
        return f"is replaced by {options.swapped}"
    if not options.managed:
        return "is unmanaged: its table is not made by Django's migrations"
    if not router.allow_migrate_model(DEFAULT_DB_ALIAS, model):
        return "is in another database, by the site's DATABASE_ROUTERS"
    if why := discovery.left_out.get(options.label):
        return why
    return kind_of_record(model) or no_content(model)


def kind_of_record(model: Model) -> "str | None":
    """Returns the reason for a model that Wagtail or Django needs, and that is no content by itself."""
    if issubclass(model, AbstractBaseUser) or model._meta.app_label in ("auth", "wagtailusers"):
        return "is about accounts and rights"
    if issubclass(model, AbstractRendition):
        return "is made from an image"
    if issubclass(model, BaseLogEntry):
        return "is a log"
    if issubclass(model, Revision):
        return "is seen as latest_revision of its object"
    if issubclass(model, (Comment, CommentReply, Task, TaskState)):
        return "is work on content, before it is content"
    if is_form_submission(model):
        return "is what visitors send"
    if is_framework(model):
        name = apps.get_app_config(model._meta.app_label).name
        return f"is a record of {name}, and no content by itself; WatchedTables={model._meta.db_table} watches it"
    return None


def is_form_submission(model: Model) -> bool:
    if not apps.is_installed("wagtail.contrib.forms"):
        return False
    from wagtail.contrib.forms.models import AbstractFormSubmission

    return issubclass(model, AbstractFormSubmission)


def no_content(model: Model) -> str:
    return (
        "is no page, image, document, snippet or setting, and no ModelViewSet edits it. "
        f"Register it as a snippet, or watch its table by WatchedTables={model._meta.db_table}"
    )
