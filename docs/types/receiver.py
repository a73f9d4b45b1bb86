"""Knows at every quiet moment which pages the public can see, and at which addresses.

An example of events.py: verify the request first (docs/webhooks.md), and keep the two dictionaries in your database.
"""

from typing import TypeGuard

from events import PageEvent, WagrunEvent


def is_page_event(event: WagrunEvent) -> TypeGuard[PageEvent]:
    """Narrows an event by its subject. The subjects of other objects have a dot, such as blog.author/3."""
    return event["subject"].startswith("page/")


class PublicPages:
    def __init__(self) -> None:
        self._sequences: dict[str, str] = {}
        self._addresses: dict[str, list[str]] = {}

    def handle(self, event: WagrunEvent) -> None:
        if not is_page_event(event):
            return
        data = event["data"]
        match event["type"]:
            case "wagtail.page.published" | "wagtail.page.moved":
                self._set(event, data["urls"])
            case "wagtail.page.unpublished" | "wagtail.page.deleted":
                self._set(event, [])
            case "wagtail.page.snapshot":
                self._set(event, data["urls"] if data["live"] and data["visible_to"] == "public" else [])
            case _:
                pass  # A draft, or a type that is newer than this program.

    def addresses(self) -> list[str]:
        """Returns the addresses of all pages that the public can see."""
        return sorted(url for urls in self._addresses.values() for url in urls)

    def _set(self, event: PageEvent, urls: list[str]) -> None:
        page, sequence = event["partitionkey"], event["sequence"]
        # A repetition, or an event that was sent again later, is old news.
        if sequence > self._sequences.get(page, ""):
            self._sequences[page] = sequence
            self._addresses[page] = urls
