"""
Runs the site's command `publish_scheduled`. The function migrate runs this code in `manage.py shell`.

Wagtail's own command ends at the first object that cannot be published or expired, and every later one stays as it is while
the first one is due. Here each object is tried, in Wagtail's order and by Wagtail's own methods, so signals, log actions and
`set_expired` are the same. This takes the place of the method `handle` of Wagtail's class alone. A command of the site's own
with the same name is run as it is. When it calls `super().handle()`, that part works as described.

The answer is one line of standard output: `WAGRUN-PUBLICATION ` and a JSON object:

    published  the number of revisions that went live; null when the site's own command does not call Wagtail's
    expired    the number of objects that expired; null likewise
    failures   one entry for each object that failed
        action    publish | expire
        object    `app.model/key`; without a key for a table that cannot be read
        revision  the id of the revision that is due, or null
        title     the object's title, as far as it is known
        due       the time at which it was due, or null
        table     the table with the due time, as `to_regclass` reads it
        key       the key of the row in that table
        reason    the error, in one line

A lost connection to the database ends the run, because another run may have the migration lock then.
"""

import json
import sys
import traceback

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from wagtail.management.commands import publish_scheduled as wagtail_command

Page, Revision = wagtail_command.Page, wagtail_command.Revision
DraftStateMixin = wagtail_command.DraftStateMixin
wagtail_handle = wagtail_command.Command.handle

MAX_REASON_LENGTH = 500

counts = {"published": None, "expired": None}
failures = []


def row(model, field_name, key, due):
    """Returns the place of a due time. Both fields of a multi-table subclass are in the parent's table."""
    owner = model._meta.get_field(field_name).model._meta.concrete_model
    return {
        "table": connection.ops.quote_name(owner._meta.db_table),
        "key": str(key),
        "due": due.isoformat() if due else None,
    }


def label(model):
    return model._meta.label_lower if model else "a model that no longer exists"


def one_line(error):
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text[:MAX_REASON_LENGTH]


def report(error, reason=None, **entry):
    """Adds a failure, and prints its traceback to standard error. Called while the error is handled."""
    for used in connections.all(initialized_only=True):
        if used.connection is not None and not used.is_usable():
            raise error
    traceback.print_exception(error)
    failures.append({**entry, "reason": reason or one_line(error)})


def title_of(instance):
    try:
        return str(instance)
    except Exception:
        return ""


def load(queryset, due_field, action):
    """Yields the due objects. When they cannot be loaded together, loads one by one and reports those that fail."""
    model = queryset.model
    try:
        found = list(queryset)
    except Exception as error:
        try:
            keys = list(queryset.values_list("pk", due_field))
        except Exception:
            place = row(model, due_field, "", None)
            report(error, action=action, object=label(model), revision=None, title="", **place)
            return
    else:
        yield from found
        return
    for key, due in keys:
        try:
            instance = queryset.filter(pk=key).first()
        except Exception as error:
            place = row(model, due_field, key, due)
            report(error, action=action, object=f"{label(model)}/{key}", revision=None, title="", **place)
            continue
        if instance is not None:
            yield instance


def expire(queryset):
    for instance in load(queryset, "expire_at", "expire"):
        due = instance.expire_at
        try:
            instance.unpublish(set_expired=True, log_action="wagtail.unpublish.scheduled")
            counts["expired"] += 1
        except Exception as error:
            model = type(instance)
            reason = None
            if not type(instance)._base_manager.filter(pk=instance.pk, live=True).exists():
                counts["expired"] += 1
                reason = f"it has expired, and then {one_line(error)}"
            report(
                error,
                reason,
                action="expire",
                object=f"{label(getattr(instance, 'specific_class', None) or model)}/{instance.pk}",
                revision=None,
                title=title_of(instance),
                **row(model, "expire_at", instance.pk, due),
            )


def approvals(revision):
    """Returns the due times of the object's revisions, by revision."""
    same_object = Revision.objects.filter(
        base_content_type_id=revision.base_content_type_id, object_id=revision.object_id
    )
    return list(same_object.exclude(approved_go_live_at=None).values_list("pk", "approved_go_live_at"))


def after_failed_publication(revision, approved, error):
    """
    Returns the reason of the failure. Wagtail withdraws the approvals before it saves the object. When the object is not
    live by this revision, they are given back, so that it stays due and the next run tries it again.
    """
    model = ContentType.objects.get_for_id(revision.content_type_id).model_class()
    if model is None:
        return f"the model of its content type {revision.content_type_id} no longer exists"
    known = model._base_manager.filter(pk=revision.object_id)
    if not known.exists():
        return "its object no longer exists"
    if known.filter(live_revision_id=revision.pk).exists():
        counts["published"] += 1
        return f"it is published, and then {one_line(error)}"
    for pk, go_live_at in approved:
        Revision.objects.filter(pk=pk, approved_go_live_at=None).update(approved_go_live_at=go_live_at)
    return one_line(error)


def publish(queryset):
    for revision in load(queryset, "approved_go_live_at", "publish"):
        due = revision.approved_go_live_at
        approved = approvals(revision)
        try:
            revision.publish(log_action="wagtail.publish.scheduled")
            counts["published"] += 1
        except Exception as error:
            try:
                reason = after_failed_publication(revision, approved, error)
            except Exception as second:
                reason = f"{one_line(error)}; and then {one_line(second)}"
            content_type = ContentType.objects.filter(pk=revision.content_type_id).first()
            name = f"{content_type.app_label}.{content_type.model}" if content_type else "unknown"
            report(
                error,
                reason,
                action="publish",
                object=f"{name}/{revision.object_id}",
                revision=revision.pk,
                title=revision.object_str,
                **row(Revision, "approved_go_live_at", revision.pk, due),
            )


def handle(command, *args, **options):
    """Does what `handle` of Wagtail's command does, and goes on after an object that fails."""
    if options.get("dryrun"):
        return wagtail_handle(command, *args, **options)
    counts.update(published=0, expired=0)
    others = [
        model
        for model in apps.get_models()
        if issubclass(model, DraftStateMixin) and not issubclass(model, Page)
    ]
    expired = []
    for model in [Page, *others]:
        try:
            due = model.objects.filter(live=True, expire_at__lt=timezone.now())
            expired.append(due.order_by("expire_at"))
        except Exception as error:
            place = row(model, "expire_at", "", None)
            report(error, action="expire", object=label(model), revision=None, title="", **place)
    for queryset in expired:
        expire(queryset)
    publish(
        Revision.objects.filter(approved_go_live_at__lt=timezone.now()).order_by("approved_go_live_at")
    )


wagtail_command.Command.handle = handle
call_command("publish_scheduled")

# The new line ends an unfinished line of the site's own code, so that the marker begins its line.
sys.stdout.write(f"\nWAGRUN-PUBLICATION {json.dumps({**counts, 'failures': failures})}\n")
sys.stdout.flush()
