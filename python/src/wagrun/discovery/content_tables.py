"""Collects the tables of content for discover.py. __init__.py says how both are run."""

import re
from typing import Any, Callable

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.contenttypes.fields import GenericForeignKey
from django.db import DEFAULT_DB_ALIAS, models, router
from modelcluster.fields import ParentalKey
from wagtail.models import (
    Collection,
    CollectionViewRestriction,
    Comment,
    CommentReply,
    PageViewRestriction,
)

Model = type[models.Model]

# Column types whose values have a limited size. The type of the column is right for custom fields too, unlike the class.
BOUNDED_TYPE = re.compile(
    r"boolean|smallint|integer|bigint|real|double precision|numeric\(.*\)"
    r"|date|time\b.*|timestamp\b.*|interval|uuid|inet"
    r"|(?:varchar|char)\((?P<length>\d+)\)"
)
MAX_CAPTURED_LENGTH = 2048

# Names of columns that look like a secret, such as the key of a service in the site's settings. The same as in
# wagrun.describe_table.
SECRET_NAME = re.compile(r"password|passwd|secret|token|api_?key|private_?key|credential|salt|otp", re.IGNORECASE)


def parent_link(model: "Model") -> Any:
    """Returns the link to the parent row of a multi-table subclass, or None for a model that has no parent."""
    links = [
        field
        for field in model._meta.local_concrete_fields
        if field.remote_field and getattr(field.remote_field, "parent_link", False)
    ]
    # With several concrete parents, the link that is the primary key leads to the object.
    return min(links, key=lambda link: not link.primary_key, default=None)


class Discovery:
    """
    The tables found so far, by model. The table of an object's own row comes before the tables of its parts.

    `connection` is Django's for the database; it is asked for types and quoted names, and not opened. `content_type_key`
    returns the key of a model's content type. `left_out` has the models and fields that are not watched, with the reason.
    """

    def __init__(self, connection: Any, content_type_key: "Callable[[Model], object]") -> None:
        self.connection = connection
        self.content_type_key = content_type_key
        self.tables: "dict[Model, dict[str, Any]]" = {}
        self.keys: "dict[Model, Any]" = {}
        self.left_out: "dict[str, str]" = {}

    def table_name(self, model: "Model") -> str:
        """Returns the table's name for `::regclass`, which folds unquoted names to lower case."""
        name = model._meta.db_table
        if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
            return name
        # A schema can be part of db_table as `schema"."table`, with or without the outer quotes.
        return str(self.connection.ops.quote_name(name))

    def is_watchable(self, model: "Model") -> bool:
        options = model._meta
        if options.proxy or options.abstract or options.swapped or not options.managed:
            return False
        return router.allow_migrate_model(DEFAULT_DB_ALIAS, model)

    def has_limited_size(self, field: Any) -> bool:
        match = BOUNDED_TYPE.fullmatch(field.db_type(self.connection) or "")
        return match is not None and int(match["length"] or 0) <= MAX_CAPTURED_LENGTH

    def add_object(self, kind: str, model: "Model") -> None:
        """Adds the tables of the model's parents, beginning with the object's own row, and then the model's table."""
        if model in self.keys:
            return
        if not self.is_watchable(model):
            self.left_out[model._meta.label] = "is a proxy, unmanaged or in another database"
            return
        link = parent_link(model)
        if link is None:
            if model._meta.pk.column is None:
                self.left_out[model._meta.label] = "has a composite key"
                return
            self.add_table(kind, model, model._meta.pk, None)
            return
        parent = link.remote_field.model._meta.concrete_model
        self.add_object(kind, parent)
        if parent not in self.keys:
            self.left_out[model._meta.label] = f"is a subclass of {parent._meta.label}"
            return
        self.add_part(model, parent, link)

    def add_part(
        self,
        model: "Model",
        parent: "Model",
        link: Any,
        relation: "str | None" = None,
        ignored: "list[str] | None" = None,
    ) -> None:
        """
        Adds the table of a part. Its `link` column refers to a row of the table of `parent`, mostly by the key of the object
        that this table belongs to. `relation` is the name of the object's field that many rows make up; None for a
        multi-table subclass.
        """
        if link.model._meta.concrete_model is not model:
            self.left_out[f"{model._meta.label}.{link.name}"] = "is in the table of another model"
            return
        above = self.tables[parent]
        if above["owners"]:
            self.left_out[model._meta.label] = "is a part of several kinds of objects"
            return
        root = above["root"] or above["table"]
        root = next(table for table in self.tables.values() if table["table"] == root)
        parents: "list[dict[str, str]]" = []
        if above["collection"] or self.keys[parent] is not link.target_field:
            step = {
                "table": above["table"],
                "key_column": link.target_field.column,
                "link_column": above["key_column"],
            }
            parents = [step, *above["parents"]]
            relation = above["collection"] or relation or model._meta.model_name
        self.add_table(None, model, link, root, relation)
        self.tables[model]["parents"] = parents
        self.tables[model]["ignored"] += ignored or []

    def add_table(
        self, kind: "str | None", model: "Model", key: Any, root: "dict[str, Any] | None", relation: "str | None" = None
    ) -> None:
        # A composite primary key is a concrete field without a column.
        fields: "list[Any]" = [field for field in model._meta.local_concrete_fields if field.column]
        label = model._meta.label_lower
        kind = root["kind"] if root else kind
        withheld = [
            field.column
            for field in fields
            if not self.has_limited_size(field) or (kind == "table" and SECRET_NAME.search(field.column))
        ]
        ignored = []
        if relation:
            # The digest of a child's row is over all of its columns.
            withheld = []
        elif root:
            # The object's own row has the key.
            ignored.append(key.column)
        elif kind == "page" or issubclass(model, Collection):
            ignored.append("numchild")
        if kind == "page" and "url_path" in withheld:
            withheld.remove("url_path")
        if issubclass(model, AbstractBaseUser):
            # A user model may be a snippet. Its password hash must not be part of an event.
            password: Any = model._meta.get_field("password")
            withheld.append(password.column)
        self.keys[model] = key
        self.tables[model] = {
            "table": self.table_name(model),
            "kind": kind,
            "model": root["model"] if root else label,
            "object": root["object"] if root else (label if kind in ("snippet", "table") else kind),
            "key_column": key.column,
            "root": root["table"] if root else None,
            "collection": relation,
            "parents": [],
            "owners": None,
            "owner_type": None,
            "fields": {field.column: field.name for field in fields if field.column != field.name},
            "withheld": withheld,
            "ignored": ignored,
        }

    def add_children(self) -> None:
        """Adds the ParentalKey children of the models that were added so far, and their children."""
        found = set(self.keys)
        while found:
            found = {model for model in apps.get_models() if self.add_child(model, found)}

    def add_child(self, model: "Model", parents: "set[Model]") -> bool:
        """Adds a model if it is a child of one of these models. Returns true if it was added."""
        # A comment of an editor is a ParentalKey child of its page too, but it is not content.
        if model in self.keys or model in (Comment, CommentReply) or not self.is_watchable(model):
            return False
        for field in model._meta.local_concrete_fields:
            if not field.remote_field:
                continue
            parent = field.remote_field.model._meta.concrete_model
            is_restriction = model in (PageViewRestriction, CollectionViewRestriction)
            is_subclass = getattr(field.remote_field, "parent_link", False)
            if parent in parents and (isinstance(field, ParentalKey) or is_restriction or is_subclass):
                relation = field.remote_field.get_accessor_name() or model._meta.model_name
                self.add_part(model, parent, field, relation)
                return model in self.keys
        return False

    def add_links(self) -> None:
        """Adds the tables of the many-to-many fields of the models that were added so far. Tags are such a field."""
        for model in list(self.keys):
            for field in model._meta.many_to_many:
                through: Any = field.remote_field.through
                if not self.is_watchable(through):
                    continue
                generic = [it for it in through._meta.private_fields if isinstance(it, GenericForeignKey)]
                if generic:
                    self.add_owner(model, field, generic[0])
                elif field in model._meta.local_many_to_many:
                    self.add_link(model, field)

    def add_link(self, model: "Model", field: Any) -> None:
        """Adds the table of a many-to-many field. The key of a link counts for nothing: the same link made again is no change."""
        through = field.remote_field.through
        key = [through._meta.pk.column]
        if through in self.keys:
            # The tags of a page are ParentalKey children. Their field has the better name.
            if self.tables[through]["collection"] and not self.tables[through]["parents"]:
                self.tables[through]["collection"] = field.name
                self.tables[through]["ignored"] = key
            return
        if isinstance(field, models.ManyToManyField):
            link = through._meta.get_field(field.m2m_field_name())
        else:
            lineage = [model, *model._meta.get_parent_list()]
            links = [it for it in through._meta.fields if it.remote_field and it.remote_field.model in lineage]
            link = next(iter(links), None)
        if link is None or link.remote_field.model._meta.concrete_model not in self.keys:
            self.left_out[f"{through._meta.label} of {model._meta.label}.{field.name}"] = "does not refer to it"
            return
        self.add_part(through, link.remote_field.model._meta.concrete_model, link, field.name, key)

    def add_owner(self, model: "Model", field: Any, generic: Any) -> None:
        """Adds a model to the owners of a table whose rows name their object by content type and key, as shared tags do."""
        through, owner = field.remote_field.through, self.tables[model]
        if owner["collection"] or owner["owners"]:
            self.left_out[f"{model._meta.label}.{field.name}"] = "is a field of a part"
            return
        if through not in self.keys:
            self.add_table("table", through, through._meta.get_field(generic.fk_field), None, field.name)
            self.tables[through]["ignored"] = [through._meta.pk.column]
            self.tables[through]["owner_type"] = through._meta.get_field(generic.ct_field).column
            self.tables[through]["owners"] = {}
        if self.tables[through]["owners"] is not None:
            chosen = {name: owner[name] for name in ("object", "kind", "model")}
            self.tables[through]["owners"][str(self.content_type_key(model))] = {**chosen, "collection": field.name}
