"""Describes the site's content for people: what is watched, and what is not and why. `manage.py wagrun` prints it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connections

from wagrun.discovery.content_tables import Discovery, Model
from wagrun.discovery.discover import discover
from wagrun.discovery.reasons import is_framework, reason
from wagrun.discovery.url_patterns import own_urls


@dataclass
class Part:
    """Rows of another table that make up a field of an object, such as those of an InlinePanel."""

    field: str
    model: str
    table: str


@dataclass
class Watched:
    """A model whose changes are events."""

    model: str
    kind: str
    subject: str
    """The first half of an event's subject: `page` of `page/42`."""
    table: str
    withheld: "list[str] | None"
    """Fields of which an event says that they changed, without the value. None when the driver for PostgreSQL is missing."""
    parts: "list[Part]" = field(default_factory=list)
    has_url: bool = True
    """False for a page type that computes its URLs itself."""


@dataclass
class NotWatched:
    """A model whose changes are no events."""

    model: str
    table: str
    reason: str
    is_framework: bool
    """True for a model of Django, Wagtail or one of the packages that they bring."""


@dataclass
class Report:
    watched: "list[Watched]"
    not_watched: "list[NotWatched]"
    notes: "list[str]"

    def as_dict(self) -> "dict[str, Any]":
        return asdict(self)


def report() -> Report:
    """Asks the models. Nothing of this needs a connection to the database."""
    notes = []
    connection = postgresql_connection()
    if connection is None:
        notes.append("No driver for PostgreSQL is installed, so it is unknown which values are too large for an event.")
    # migrate asks the database for the keys of content types. A label does as well here.
    discovery = Discovery(connection or connections[DEFAULT_DB_ALIAS], lambda model: model._meta.label)
    discover(discovery)
    without_url = set(own_urls())
    watched = {}
    for model, table in discovery.tables.items():
        if table["collection"] is None and table["owners"] is None:
            watched[model] = Watched(
                model=model._meta.label,
                kind=table["kind"],
                subject=table["object"],
                table=table["table"],
                withheld=withheld(model, table) if connection else None,
                has_url=model._meta.label_lower not in without_url,
            )
    for model, table in discovery.tables.items():
        for owner, name in owners(discovery, model, table):
            if owner in watched:
                watched[owner].parts.append(Part(field=name, model=model._meta.label, table=table["table"]))
    not_watched = [
        NotWatched(model._meta.label, model._meta.db_table, reason(model, discovery), is_framework(model))
        for model in apps.get_models()
        if model not in discovery.tables
    ]
    known = {entry.model for entry in not_watched}
    notes += [f"{label} {why}: not watched." for label, why in discovery.left_out.items() if label not in known]
    return Report(list(watched.values()), not_watched, notes)


def postgresql_connection() -> Any:
    """Returns Django's connection, or one that is never opened where the site's own is for another kind of database."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "postgresql":
        return connection
    try:
        from django.db.backends.postgresql.base import DatabaseWrapper
    except ImproperlyConfigured:
        return None
    return DatabaseWrapper({**connection.settings_dict, "OPTIONS": {}}, DEFAULT_DB_ALIAS)


def withheld(model: Model, table: "dict[str, Any]") -> "list[str]":
    return [table["fields"].get(column, column) for column in table["withheld"]]


def owners(discovery: Discovery, model: Model, table: "dict[str, Any]") -> "list[tuple[Model, str]]":
    """Returns the models of which these rows are a part, each with the name of its field."""
    if table["owners"] is not None:
        return [(apps.get_model(label), owner["collection"]) for label, owner in table["owners"].items()]
    if table["collection"] is None:
        return []
    # A child of a child belongs to the object at the top.
    parent = discovery.keys[model].remote_field.model._meta.concrete_model
    while discovery.tables[parent]["collection"] is not None:
        parent = discovery.keys[parent].remote_field.model._meta.concrete_model
    return [(parent, table["collection"])]
