"""Generated from docs/events.schema.json by `make types`. Python 3.11 or newer."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class Envelope(TypedDict):
    """
    The fields of every event: CloudEvents 1.0 and its extensions partitioning and sequence, and three of wagrun.
    """

    specversion: Literal['1.0']
    id: str
    """
    Never changes, also when the event is sent again.
    """
    source: str
    """
    /wagrun/<stack>
    """
    time: str
    """
    The time of the change, RFC 3339 in UTC.
    """
    datacontenttype: Literal['application/json']
    partitionkey: str
    """
    The same as subject. Events with one key come in order.
    """
    sequence: str
    """
    Grows for one partitionkey. Compare it as text: it has sixteen digits.
    """
    replayed: NotRequired[Literal[True]]
    """
    Present when the event is sent again at an operator's request.
    """
    subscriber: NotRequired[str]
    """
    Present when the event is for one subscriber only.
    """
    backfill: NotRequired[str]
    """
    Present in a replay or a snapshot: the id of the request.
    """


Key: TypeAlias = int | str
"""
The object's primary key.
"""


class Editor(TypedDict):
    id: Key
    username: str | None


VisibleTo: TypeAlias = Literal['public', 'password', 'login', 'groups', 'nobody']
"""
The people who may see the object once it is live.
"""


Groups: TypeAlias = list[str]
"""
The names of the groups that may see it. Present when visible_to is groups.
"""


Time: TypeAlias = str


class PreviousPage(TypedDict):
    """
    Old values, of those fields that differ.
    """

    title: NotRequired[str | None]
    slug: NotRequired[str | None]
    url_path: NotRequired[str | None]
    live: NotRequired[bool | None]
    first_published_at: NotRequired[Time | None]
    last_published_at: NotRequired[Time | None]
    latest_revision: NotRequired[int | None]
    live_revision: NotRequired[int | None]
    url: NotRequired[str | None]
    urls: NotRequired[list[str]]
    visible_to: NotRequired[VisibleTo]
    groups: NotRequired[Groups]


class ReleaseData(TypedDict):
    image: str
    digest: str
    tag: str | None
    platform: str
    migrations_applied: int | None
    """
    null when migrate failed.
    """
    milliseconds: int


class SubscriberDisabledData(TypedDict):
    name: str
    reason: str
    at: str


class SubscriberTestData(TypedDict):
    name: str
    title: str
    id: NotRequired[Literal[0]]
    """
    Present for a subscriber with requests of its own.
    """
    live: NotRequired[Literal[True]]
    """
    Present for a subscriber with requests of its own.
    """
    visible_to: NotRequired[Literal['public']]
    """
    Present for a subscriber with requests of its own.
    """
    url: NotRequired[str]
    urls: NotRequired[list[str]]


class FailedReleaseData(ReleaseData):
    phase: str
    reason: str
    """
    The end of the reason.
    """


class SubscriberDisabledEvent(Envelope):
    """
    A subscriber was switched off.
    """

    type: Literal['subscriber.disabled']
    subject: str
    data: SubscriberDisabledData


class SubscriberTestEvent(Envelope):
    """
    An operator tests a subscriber. It goes to that subscriber alone.
    """

    type: Literal['subscriber.test']
    subject: str
    data: SubscriberTestData


class SiteDeployedEvent(Envelope):
    """
    A released image is in service.
    """

    type: Literal['site.deployed']
    subject: Literal['site']
    data: ReleaseData


class SiteDeploymentFailedEvent(Envelope):
    """
    A release failed. The previous version is still in service.
    """

    type: Literal['site.deployment_failed']
    subject: Literal['site']
    data: FailedReleaseData


class CommonData(TypedDict):
    """
    The data of every event about content.
    """

    content_type: str
    """
    app.model, such as blog.blogpage.
    """
    locale: NotRequired[str]
    """
    The language code. Absent when the object is not translatable.
    """
    editor: Editor | None
    """
    null when the database does not know the editor.
    """
    changed: list[str]
    """
    The names of the fields that differ, sorted.
    """
    incomplete: NotRequired[Literal[True]]
    """
    Present when a part of the object is missing. Missing fields are null.
    """
    truncated: NotRequired[Literal[True]]
    """
    Present when the event was too large: previous is empty, and long texts are cut.
    """


class PageData(CommonData):
    """
    A page after the change; for a deleted page its last known state.
    """

    id: int
    title: str | None
    slug: str | None
    url_path: str | None
    """
    The path in the tree of pages, which begins with the root's slug.
    """
    live: bool | None
    first_published_at: Time | None
    last_published_at: Time | None
    latest_revision: int | None
    live_revision: int | None
    url: str | None
    """
    The first of urls; null when no site serves the page.
    """
    urls: list[str]
    """
    All addresses of the page.
    """
    visible_to: VisibleTo
    groups: NotRequired[Groups]
    previous: PreviousPage


class ImageData(CommonData):
    """
    An image after the change; for a deleted image its last known state.
    """

    id: Key
    title: str | None
    fields: NotRequired[dict[str, Any]]
    """
    The small columns of the object, by name. They are the site's own, so anything may be here.
    """
    previous: dict[str, Any]
    """
    Old values, of those fields that differ.
    """


class DocumentData(CommonData):
    """
    A document after the change; for a deleted document its last known state.
    """

    id: Key
    title: str | None
    visible_to: VisibleTo
    groups: NotRequired[Groups]
    fields: NotRequired[dict[str, Any]]
    """
    The small columns of the object, by name. They are the site's own, so anything may be here.
    """
    previous: dict[str, Any]
    """
    Old values, of those fields that differ.
    """


class ObjectData(CommonData):
    """
    An object after the change; for a deleted object its last known state.
    """

    id: Key
    title: str | float | bool | None
    """
    The value of its column title, or else name; null without one.
    """
    fields: NotRequired[dict[str, Any]]
    """
    The small columns of the object, by name. They are the site's own, so anything may be here.
    """
    previous: dict[str, Any]
    """
    Old values, of those fields that differ.
    """


class PageEvent(Envelope):
    """
    A change of a page, or its present state (snapshot).
    """

    type: Literal['wagtail.page.created', 'wagtail.page.updated', 'wagtail.page.published', 'wagtail.page.unpublished', 'wagtail.page.moved', 'wagtail.page.deleted', 'wagtail.page.snapshot']
    subject: str
    data: PageData


class ImageEvent(Envelope):
    """
    A change of an image, or its present state (snapshot).
    """

    type: Literal['wagtail.image.created', 'wagtail.image.updated', 'wagtail.image.deleted', 'wagtail.image.snapshot']
    subject: str
    data: ImageData


class DocumentEvent(Envelope):
    """
    A change of a document, or its present state (snapshot).
    """

    type: Literal['wagtail.document.created', 'wagtail.document.updated', 'wagtail.document.deleted', 'wagtail.document.snapshot']
    subject: str
    data: DocumentData


class ObjectEvent(Envelope):
    """
    A change of anything else: a snippet, a site, a locale, a collection, a redirect, settings, a table that is watched by name.
    """

    type: str
    """
    wagtail.<model>.<action>; or wagtail.<app>.<model>.<action> for a model that is called page, image or document.
    """
    subject: str
    data: ObjectData


WagrunEvent: TypeAlias = PageEvent | ImageEvent | DocumentEvent | ObjectEvent | SubscriberDisabledEvent | SubscriberTestEvent | SiteDeployedEvent | SiteDeploymentFailedEvent
"""
One event of wagrun: the body of a webhook, the detail of an EventBridge entry, a message of the topic. docs/events.md explains each field.
"""
