"""
Prints which tables hold content, as Django knows them. migrate feeds this to `manage.py shell`, so that the site needs
no code of ours, and a custom image model or a new page type is watched without configuration.

One line of standard output counts, `WAGRUN-DISCOVERY ` and a JSON object:

    tables  one entry for each watched table
        table       as `::regclass` reads it
        kind        page | image | document | snippet
        model       the object's `app.model` label, in lower case; in a part that of the object's own row
        object      the first half of the object's name: page, image, document, or the model
        key_column  the column with the object's key: the primary key, or in a part the link to the object
        root        null for an object's own row; for a part the `table` with the object's own row
        collection  for a child the name by which its parent knows the children, else null
        fields      {column: field name} where they differ
        withheld    columns whose values are not captured, only that they changed: of unbounded size, or nobody's business
        ignored     bookkeeping columns: a change of nothing else is no change
    schedules   where `publish_scheduled` looks for what is due, one entry for each table
        table       as above
        due_column  the column with the time: of the approved revisions, or at which an object with drafts expires
        live_column null, or the column that says that the object is live, without which it does not expire
    user    {table, key_column, name_column} of the site's user model
    superuser   whether there is one who can log in

Parts are the rows of a multi-table subclass (blog_blogpage), and of a ParentalKey child (an InlinePanel's, or an
article's tags): a change in one is a change of its page or snippet. A child's own columns are no fields of the page
(a related link has a `title` as well), so of a child only the relation's name is reported: `related_links` changed.
Left out, with a line on standard error where that may surprise: proxies, unmanaged models, models of another database,
composite keys, children of children, and many-to-many tables (a ParentalManyToManyField, or an image's tags).
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

# Asking the column's type instead of the field's class judges custom fields rightly too.
BOUNDED_TYPE = re.compile(
    r"boolean|smallint|integer|bigint|real|double precision|numeric\(.*\)"
    r"|date|time\b.*|timestamp\b.*|interval|uuid|inet"
    r"|(?:varchar|char)\((?P<length>\d+)\)"
)
LONGEST_SMALL = 2048


def note(message):
    print(f"discover: {message}", file=sys.stderr)


def table_name(model):
    """The table's name for `::regclass`, which folds unquoted names to lower case."""
    name = model._meta.db_table
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return name
    # A schema is smuggled into db_table as `schema"."table`, with or without the outer quotes.
    return CONNECTION.ops.quote_name(name)


def is_watchable(model):
    options = model._meta
    if options.proxy or options.abstract or options.swapped or not options.managed:
        return False
    return router.allow_migrate_model(DEFAULT_DB_ALIAS, model)


def is_small(field):
    match = BOUNDED_TYPE.fullmatch(field.db_type(CONNECTION) or "")
    return match is not None and int(match["length"] or 0) <= LONGEST_SMALL


def parent_link(model):
    """The link to the parent row of a multi-table subclass, or None for a model with a row of its own."""
    links = [
        field
        for field in model._meta.local_concrete_fields
        if field.remote_field and getattr(field.remote_field, "parent_link", False)
    ]
    # With several concrete parents, the link that is the primary key names the object.
    return min(links, key=lambda link: not link.primary_key, default=None)


class Discovery:
    """The tables found so far, by model, in an order in which an object's own row comes before its parts."""

    def __init__(self):
        self.tables = {}
        self.keys = {}

    def add_object(self, kind, model):
        """Adds the model's table, and first the tables of its parents up to the object's own row."""
        if model in self.keys:
            return
        if not is_watchable(model):
            note(f"{model._meta.label} is a proxy, unmanaged or in another database: not watched")
            return
        link = parent_link(model)
        if link is None:
            if model._meta.pk.column is None:
                note(f"{model._meta.label} has a composite key: not watched")
                return
            self.add_table(kind, model, model._meta.pk, None)
            return
        parent = link.remote_field.model._meta.concrete_model
        self.add_object(kind, parent)
        self.add_part(model, parent, link)

    def add_part(self, model, parent, link, relation=None):
        """
        Adds a table whose `link` column holds the key of the object that `parent` is a row of; for a child, `relation`
        is the name by which the parent knows its children.
        """
        if self.keys.get(parent) is not link.target_field:
            note(f"{model._meta.label}.{link.name} does not hold an object's key: not watched")
            return
        root = self.tables[parent]["root"] or self.tables[parent]["table"]
        root = next(table for table in self.tables.values() if table["table"] == root)
        self.add_table(None, model, link, root, relation)

    def add_table(self, kind, model, key, root, relation=None):
        # A composite primary key is a concrete field without a column.
        fields = [field for field in model._meta.local_concrete_fields if field.column]
        label = model._meta.label_lower
        kind = root["kind"] if root else kind
        withheld = [field.column for field in fields if not is_small(field)]
        ignored = []
        if root:
            # The object's own row has the key.
            ignored.append(key.column)
        elif kind == "page":
            withheld.remove("url_path")
            ignored.append("numchild")
        if issubclass(model, AbstractBaseUser):
            # A user model may be a snippet, but its password hash is nobody's event.
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
        """Adds the ParentalKey children of what was added so far."""
        objects = set(self.keys)
        for model in apps.get_models():
            # An editors' comment hangs on its page in the same way, but is no content.
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
    """What `publish_scheduled` asks: the approved revisions, and what is live and expires of every model with drafts."""
    go_live = Revision._meta.get_field("approved_go_live_at")
    found = {Revision: {"table": table_name(Revision), "due_column": go_live.column, "live_column": None}}
    for model in apps.get_models():
        if not issubclass(model, DraftStateMixin):
            continue
        expire, live = model._meta.get_field("expire_at"), model._meta.get_field("live")
        # Of a multi-table subclass, both are in the parent's table.
        holder = expire.model._meta.concrete_model
        if holder not in found and is_watchable(holder):
            found[holder] = {"table": table_name(holder), "due_column": expire.column, "live_column": live.column}
    return list(found.values())


def discover():
    discovery = Discovery()
    for model in apps.get_models():
        # AbstractPage instead of Page: since Wagtail 8 a site can have a base page model of its own.
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
        "user": {
            "table": table_name(user_name.model),
            "key_column": user_name.model._meta.pk.column,
            "name_column": user_name.column,
        },
        "superuser": get_user_model()._default_manager.filter(is_superuser=True, is_active=True).exists(),
    }


# The line begins with the marker whatever the site's own start-up code printed before.
sys.stdout.write(f"\nWAGRUN-DISCOVERY {json.dumps(discover())}\n")
sys.stdout.flush()
