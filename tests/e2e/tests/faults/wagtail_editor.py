"""Edits the stock site with Wagtail's own methods, at random and without end: wagtail_editor.py SEED.

Runs in the directory of the site. Prints a line with its counts after each change, and goes on when the database comes back.
"""

import os
import random
import sys
import time

sys.path.insert(0, os.getcwd())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "website.settings")

import django  # noqa: E402

django.setup()

from blog.models import Author, BlogIndexPage, BlogPage  # noqa: E402
from django.core.exceptions import ValidationError  # noqa: E402
from django.db import DatabaseError, InterfaceError, connection, transaction  # noqa: E402
from wagtail.models import Page  # noqa: E402

PAUSE = 0.05
COUNTS = {"committed": 0, "rolled back": 0, "refused": 0, "without database": 0}


class RolledBack(Exception):
    """Ends a transaction that is not wanted."""


def main(seed):
    chance = random.Random(seed)
    # The other editors write no valid tree below their own pages.
    while count("committed", create_index) != "committed":
        pass
    number = 0
    while True:
        number += 1
        count("committed", change, chance, f"Wagtail {seed} {number}")
        time.sleep(PAUSE * chance.random())


def count(kind, function, *arguments):
    try:
        with transaction.atomic():
            function(*arguments)
    except RolledBack:
        kind = "rolled back"
    except InterfaceError:
        kind = "without database"
    except (ValidationError, BlogPage.DoesNotExist, Author.DoesNotExist):
        kind = "refused"
    except DatabaseError:
        kind = "refused" if connection.is_usable() else "without database"
    if kind == "without database":
        connection.close()
    COUNTS[kind] += 1
    print(COUNTS, flush=True)
    return kind


def change(chance, title):
    chance.choice([create, rename, rename, draft, unpublish, publish, delete, author])(chance, title)
    if chance.random() < 0.1:
        raise RolledBack


def create_index():
    Page.objects.get(depth=2).add_child(instance=BlogIndexPage(title="Wagtail", slug="wagtail", live=False))


def create(chance, title):
    index = BlogIndexPage.objects.get(slug="wagtail")
    page = BlogPage(title=title, live=False)
    index.add_child(instance=page)
    if chance.random() < 0.5:
        page.save_revision().publish()


def some_post(chance):
    return chance.choice(BlogPage.objects.filter(title__startswith="Wagtail").order_by("-pk")[:8] or [None]) or refuse()


def refuse():
    raise BlogPage.DoesNotExist


def rename(chance, title):
    page = some_post(chance).get_latest_revision_as_object()
    page.title = title
    if chance.random() < 0.3:
        page.slug = title.lower().replace(" ", "-")
    page.save_revision().publish()


def draft(chance, title):
    page = some_post(chance).get_latest_revision_as_object()
    page.title = title
    page.save_revision()


def publish(chance, title):
    some_post(chance).save_revision().publish()


def unpublish(chance, title):
    some_post(chance).unpublish()


def delete(chance, title):
    some_post(chance).delete()


def author(chance, title):
    if chance.random() < 0.5:
        Author.objects.create(name=title)
    else:
        author = chance.choice(Author.objects.filter(name__startswith="Wagtail")[:8] or [None]) or refuse()
        author.name = title
        author.save()


if __name__ == "__main__":
    main(int(sys.argv[1]))
