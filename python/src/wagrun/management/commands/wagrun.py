"""Tells which models are watched, and which are not and why: `manage.py wagrun`, `manage.py wagrun --json`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db.backends.signals import connection_created

from wagrun.discovery.report import NotWatched, Report, Watched, report


class Command(BaseCommand):
    help = "Tells which models wagrun watches, and which it does not watch and why. It needs no database."
    # They are the business of `manage.py check`, and not in the way of an answer.
    requires_system_checks: "list[str]" = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="prints one JSON object")
        parser.add_argument("--all", action="store_true", help="also lists the models of Django and Wagtail")

    def handle(self, *args: Any, **options: Any) -> None:
        opened: "set[str]" = set()

        def connected(connection: Any, **kwargs: Any) -> None:
            opened.add(connection.alias)

        connection_created.connect(connected)
        try:
            found = report()
        finally:
            connection_created.disconnect(connected)
        for alias in sorted(opened):
            found.notes.append(
                f"The site's own code has opened a connection to the database {alias!r}; wagrun needs none."
            )
        if options["json"]:
            self.stdout.write(json.dumps(found.as_dict(), indent=2))
        else:
            self.stdout.write("\n".join(lines(found, options["all"])))


def lines(found: Report, with_frameworks: bool) -> "list[str]":
    result = [f"Watched: {len(found.watched)} models. Each change of them is an event.", ""]
    for kind in dict.fromkeys(entry.kind for entry in found.watched):
        result.append(f"  {kind}")
        for entry in found.watched:
            if entry.kind == kind:
                result += watched_lines(entry)
        result.append("")
    own = [entry for entry in found.not_watched if with_frameworks or not entry.is_framework]
    others = len(found.not_watched) - len(own)
    result.append(f"Not watched: {len(found.not_watched)} models.")
    if own:
        result += ["", *(not_watched_line(entry) for entry in own)]
    if others:
        result += [
            "",
            f"  {others} of them are records of Django, Wagtail and packages beside them; --all lists these.",
        ]
    if found.notes:
        result += ["", *found.notes]
    return result


def watched_lines(entry: Watched) -> "list[str]":
    result = [f"    {entry.model} ({entry.table})"]
    if entry.parts:
        result.append(f"      with {', '.join(dict.fromkeys(part.field for part in entry.parts))}")
    if entry.withheld:
        result.append(f"      changed, but without a value: {', '.join(entry.withheld)}")
    if not entry.has_url:
        result.append("      computes its URLs itself: its events have no url")
    return result


def not_watched_line(entry: NotWatched) -> str:
    return f"  {entry.model} {entry.reason}."
