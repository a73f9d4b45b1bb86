"""
Finds the tables that hold content, as Django knows them. So a custom image model or a new page type is watched without
configuration. __init__.py says how this is run.

`discover` returns:

    tables  one entry for each watched table
        table       the name, as `::regclass` reads it
        kind        page | image | document | snippet | table
        model       the `app.model` label of the object, in lower case; for a part the label of the object it belongs to
        object      the first half of the object's name: page, image, document, or the model
        key_column  the column with the object's key: the primary key, or in a part the link to the object or to a parent
        root        null for an object's own row; for a part the `table` with the object's own row
        collection  for a child or a link the name of the object's field that they make up, else null
        parents     for a child of a child the tables up to the object, the nearest first: `table`, `key_column` (which the
                    row before refers to) and `link_column` (to the next table, or the object's key)
        owners      for a table with rows of several kinds of objects, by the id of their content type: object, kind,
                    model, collection. Such a table has no root
        owner_type  the column with that id
        fields      {column: field name} where they differ
        withheld    columns of which only the change is captured, not the value: of unbounded size, or private
        ignored     bookkeeping columns: a change of no other column is not captured
    schedules   one entry for each table that `publish_scheduled` reads
        table       the name, as above
        due_column  the column with the time at which an approved revision goes live, or an object with drafts expires
        live_column null, or the column that is true for a live object; other objects do not expire
    user        {table, key_column, name_column} of the site's user model

Objects are pages, images, documents and snippets. The kind `table` has the other models that editors change in the admin:
sites, locales, collections, redirects, site settings, and the model of each ModelViewSet.

Parts are the rows of a multi-table subclass (blog_blogpage), of a ParentalKey child (the rows of an InlinePanel), of a
child of a child, of a many-to-many field, tags included, and of a view restriction. A change of a part is a change of its
object. The columns of a child are not fields of the page: a related link has a `title` too. So for a child only the name
of the object's field is reported: `related_links` changed. For a child of a child that is the field with the child.

Not watched are proxies, unmanaged models, models of another database, and composite keys. `Discovery.left_out` names
each model that is left out for a reason which is not obvious. docs/events.md lists what is no content.
"""

from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from wagtail import hooks
from wagtail.admin.viewsets import viewsets
from wagtail.admin.viewsets.base import ViewSetGroup
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.documents import get_document_model
from wagtail.images import get_image_model
from wagtail.models import AbstractPage, Collection, DraftStateMixin, Locale, Revision, Site
from wagtail.snippets.models import get_snippet_models

# Apps whose admin views edit accounts and their tokens, which are no content.
ACCOUNT_APPS = {"auth", "wagtailusers"}


def viewset_models() -> "list[Any]":
    """Returns the models that a ModelViewSet edits, except accounts. The viewsets are not registered again for that."""
    found: "list[Any]" = []
    pending: "list[Any]" = []
    for register in hooks.get_hooks("register_admin_viewset"):
        registered = register()
        pending += registered if isinstance(registered, (list, tuple)) else [registered]
    # Those that came with a snippet are registered when the hooks are imported.
    pending += viewsets.viewsets
    for viewset in pending:
        if isinstance(viewset, ViewSetGroup):
            # The list grows while it is read, because groups may be nested.
            pending += viewset.registerables
        elif isinstance(viewset, ModelViewSet):
            found.append(viewset.model._meta.concrete_model)
    return [
        model
        for model in found
        if model._meta.app_label not in ACCOUNT_APPS and not issubclass(model, AbstractBaseUser)
    ]


def other_models() -> "list[Any]":
    """Returns the models of the kind `table`, in a fixed order."""
    found: "list[Any]" = [Site, Locale, Collection]
    if apps.is_installed("wagtail.contrib.redirects"):
        found.append(apps.get_model("wagtailredirects", "Redirect"))
    if apps.is_installed("wagtail.contrib.settings"):
        from wagtail.contrib.settings.models import AbstractSetting
        from wagtail.contrib.settings.registry import registry

        found += [model for model in apps.get_models() if issubclass(model, AbstractSetting)]
        found += [model._meta.concrete_model for model in registry]
    return found + viewset_models()


def schedules(discovery: Any) -> "list[dict[str, Any]]":
    """Returns the tables that `publish_scheduled` reads: the revisions, and every model with drafts, which may expire."""
    go_live = Revision._meta.get_field("approved_go_live_at")
    tables: "dict[Any, dict[str, Any]]" = {}
    tables[Revision] = {"table": discovery.table_name(Revision), "due_column": go_live.column, "live_column": None}
    models: "list[Any]" = apps.get_models()
    for model in models:
        if not issubclass(model, DraftStateMixin):
            continue
        expire, live = model._meta.get_field("expire_at"), model._meta.get_field("live")
        # Both columns of a multi-table subclass are in the parent's table.
        owner = expire.model._meta.concrete_model
        if owner not in tables and discovery.is_watchable(owner):
            tables[owner] = {
                "table": discovery.table_name(owner),
                "due_column": expire.column,
                "live_column": live.column,
            }
    return list(tables.values())


def discover(discovery: Any) -> "dict[str, Any]":
    """Adds all content of the site to a `Discovery`, and returns the answer."""
    for model in apps.get_models():
        # AbstractPage instead of Page, because since Wagtail 8 a site can have its own base page model.
        if issubclass(model, AbstractPage) and not model._meta.proxy:
            discovery.add_object("page", model)
    discovery.add_object("image", get_image_model())
    discovery.add_object("document", get_document_model())
    for model in get_snippet_models():
        discovery.add_object("snippet", model)
    for model in other_models():
        discovery.add_object("table", model)
    discovery.add_children()
    discovery.add_links()

    user: Any = get_user_model()
    user_name = user._meta.get_field(user.USERNAME_FIELD)
    return {
        "tables": list(discovery.tables.values()),
        "schedules": schedules(discovery),
        "user": {
            "table": discovery.table_name(user_name.model),
            "key_column": user_name.model._meta.pk.column,
            "name_column": user_name.column,
        },
    }
