"""
Prints the tables that hold content, as Django knows them. The function migrate runs this code in `manage.py shell`.
So the site needs no code of wagrun, and a custom image model or a new page type is watched without configuration.

The answer is one line of standard output: `WAGRUN-DISCOVERY ` and a JSON object:

    tables  one entry for each watched table
        table       the name, as `::regclass` reads it
        kind        page | image | document | snippet
        model       the `app.model` label of the object, in lower case; for a part the label of the object it belongs to
        object      the first half of the object's name: page, image, document, or the model
        key_column  the column with the object's key: the primary key, or in a part the link to the object
        root        null for an object's own row; for a part the `table` with the object's own row
        collection  for a child the name of its parent's relation to the children, else null
        fields      {column: field name} where they differ
        withheld    columns of which only the change is captured, not the value: of unbounded size, or private
        ignored     bookkeeping columns: a change of no other column is not captured
    schedules   one entry for each table that `publish_scheduled` reads
        table       the name, as above
        due_column  the column with the time at which an approved revision goes live, or an object with drafts expires
        live_column null, or the column that is true for a live object; other objects do not expire
    url_patterns  the addresses of pages, as url_patterns.py describes them
    user        {table, key_column, name_column} of the site's user model
    has_superuser  true when there is a superuser who can log in

Parts are the rows of a multi-table subclass (blog_blogpage), and of a ParentalKey child (the rows of an InlinePanel, or
the tags of an article). A change of a part is a change of its page or snippet. The columns of a child are not fields of
the page: a related link has a `title` too. So for a child only the name of the relation is reported: `related_links`
changed.

Not watched are proxies, unmanaged models, models of another database, composite keys, children of children, and
many-to-many tables (a ParentalManyToManyField, or the tags of an image). A line on standard error names each model that is
left out for a reason which is not obvious.
"""

import json
import re
import sys

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import DEFAULT_DB_ALIAS, connections, router
from modelcluster.fields import ParentalKey
from wagtail.documents import get_document_model
from wagtail.images import get_image_model
from wagtail.models import AbstractPage, Comment, CommentReply, DraftStateMixin, Revision
from wagtail.snippets.models import get_snippet_models

CONNECTION = connections[DEFAULT_DB_ALIAS]

# Column types whose values have a limited size. The type of the column is right for custom fields too, unlike the class.
BOUNDED_TYPE = re.compile(
    r"boolean|smallint|integer|bigint|real|double precision|numeric\(.*\)"
    r"|date|time\b.*|timestamp\b.*|interval|uuid|inet"
    r"|(?:varchar|char)\((?P<length>\d+)\)"
)
MAX_CAPTURED_LENGTH = 2048


def warn(message):
    print(f"discover: {message}", file=sys.stderr)


def table_name(model):
    """Returns the table's name for `::regclass`, which folds unquoted names to lower case."""
    name = model._meta.db_table
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return name
    # A schema can be part of db_table as `schema"."table`, with or without the outer quotes.
    return CONNECTION.ops.quote_name(name)


def is_watchable(model):
    options = model._meta
    if options.proxy or options.abstract or options.swapped or not options.managed:
        return False
    return router.allow_migrate_model(DEFAULT_DB_ALIAS, model)


def has_limited_size(field):
    match = BOUNDED_TYPE.fullmatch(field.db_type(CONNECTION) or "")
    return match is not None and int(match["length"] or 0) <= MAX_CAPTURED_LENGTH


def parent_link(model):
    """Returns the link to the parent row of a multi-table subclass, or None for a model that has no parent."""
    links = [
        field
        for field in model._meta.local_concrete_fields
        if field.remote_field and getattr(field.remote_field, "parent_link", False)
    ]
    # With several concrete parents, the link that is the primary key leads to the object.
    return min(links, key=lambda link: not link.primary_key, default=None)


class Discovery:
    """The tables found so far, by model. The table of an object's own row comes before the tables of its parts."""

    def __init__(self):
        self.tables = {}
        self.keys = {}

    def add_object(self, kind, model):
        """Adds the tables of the model's parents, beginning with the object's own row, and then the model's table."""
        if model in self.keys:
            return
        if not is_watchable(model):
            warn(f"{model._meta.label} is a proxy, unmanaged or in another database: not watched")
            return
        link = parent_link(model)
        if link is None:
            if model._meta.pk.column is None:
                warn(f"{model._meta.label} has a composite key: not watched")
                return
            self.add_table(kind, model, model._meta.pk, None)
            return
        parent = link.remote_field.model._meta.concrete_model
        self.add_object(kind, parent)
        self.add_part(model, parent, link)

    def add_part(self, model, parent, link, relation=None):
        """
        Adds the table of a part. Its `link` column holds the key of the object that the table of `parent` belongs to.
        `relation` is the name of the parent's relation to its children; None for a multi-table subclass.
        """
        if self.keys.get(parent) is not link.target_field:
            warn(f"{model._meta.label}.{link.name} does not hold an object's key: not watched")
            return
        root = self.tables[parent]["root"] or self.tables[parent]["table"]
        root = next(table for table in self.tables.values() if table["table"] == root)
        self.add_table(None, model, link, root, relation)

    def add_table(self, kind, model, key, root, relation=None):
        # A composite primary key is a concrete field without a column.
        fields = [field for field in model._meta.local_concrete_fields if field.column]
        label = model._meta.label_lower
        kind = root["kind"] if root else kind
        withheld = [field.column for field in fields if not has_limited_size(field)]
        ignored = []
        if root:
            # The object's own row has the key.
            ignored.append(key.column)
        elif kind == "page":
            withheld.remove("url_path")
            ignored.append("numchild")
        if issubclass(model, AbstractBaseUser):
            # A user model may be a snippet. Its password hash must not be part of an event.
            withheld.append(model._meta.get_field("password").column)
        self.keys[model] = key
        self.tables[model] = {
            "table": table_name(model),
            "kind": kind,
            "model": root["model"] if root else label,
            "object": root["object"] if root else (label if kind == "snippet" else kind),
            "key_column": key.column,
            "root": root["table"] if root else None,
            "collection": relation,
            "fields": {field.column: field.name for field in fields if field.column != field.name},
            "withheld": withheld,
            "ignored": ignored,
        }

    def add_children(self):
        """Adds the ParentalKey children of the models that were added so far."""
        objects = set(self.keys)
        for model in apps.get_models():
            # A comment of an editor is a ParentalKey child of its page too, but it is not content.
            if model in objects or model in (Comment, CommentReply) or not is_watchable(model):
                continue
            for field in model._meta.local_concrete_fields:
                if not isinstance(field, ParentalKey):
                    continue
                parent = field.remote_field.model._meta.concrete_model
                if parent in objects:
                    relation = field.remote_field.get_accessor_name() or model._meta.model_name
                    self.add_part(model, parent, field, relation)
                    break


def schedules():
    """Returns the tables that `publish_scheduled` reads: the revisions, and every model with drafts, which may expire."""
    go_live = Revision._meta.get_field("approved_go_live_at")
    tables = {Revision: {"table": table_name(Revision), "due_column": go_live.column, "live_column": None}}
    for model in apps.get_models():
        if not issubclass(model, DraftStateMixin):
            continue
        expire, live = model._meta.get_field("expire_at"), model._meta.get_field("live")
        # Both columns of a multi-table subclass are in the parent's table.
        owner = expire.model._meta.concrete_model
        if owner not in tables and is_watchable(owner):
            tables[owner] = {"table": table_name(owner), "due_column": expire.column, "live_column": live.column}
    return list(tables.values())


def discover():
    discovery = Discovery()
    for model in apps.get_models():
        # AbstractPage instead of Page, because since Wagtail 8 a site can have its own base page model.
        if issubclass(model, AbstractPage) and not model._meta.proxy:
            discovery.add_object("page", model)
    discovery.add_object("image", get_image_model())
    discovery.add_object("document", get_document_model())
    for model in get_snippet_models():
        discovery.add_object("snippet", model)
    discovery.add_children()

    user_name = get_user_model()._meta.get_field(get_user_model().USERNAME_FIELD)
    return {
        "tables": list(discovery.tables.values()),
        "schedules": schedules(),
        "url_patterns": url_patterns(),
        "user": {
            "table": table_name(user_name.model),
            "key_column": user_name.model._meta.pk.column,
            "name_column": user_name.column,
        },
        "has_superuser": get_user_model()._default_manager.filter(is_superuser=True, is_active=True).exists(),
    }


# The new line ends an unfinished line of the site's start-up code, so that the marker begins its line.
sys.stdout.write(f"\nWAGRUN-DISCOVERY {json.dumps(discover())}\n")
sys.stdout.flush()
