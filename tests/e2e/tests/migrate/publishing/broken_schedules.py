"""Makes due content of each kind, the broken objects before the sound ones. Run in `manage.py shell` of a copy of the site."""

from datetime import datetime, timedelta, timezone

from blog.models import BlogPage, Notice
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from wagtail.models import Page, Revision

home = Page.objects.get(pk=3)
clock = datetime(2026, 1, 1, 8, tzinfo=timezone.utc)


def next_time():
    global clock
    clock += timedelta(minutes=1)
    return clock


def draft(name, **content):
    """Adds a draft that is due, with these changes of its revision's content."""
    page = BlogPage(title=name, live=False)
    home.add_child(instance=page)
    revision = page.save_revision()
    revision.content.update(content)
    Revision.objects.filter(pk=revision.pk).update(content=revision.content, approved_go_live_at=next_time())
    return page, revision


def live(title):
    page = BlogPage(title=title)
    home.add_child(instance=page)
    try:
        page.save_revision().publish()
    except RuntimeError:
        pass  # The page is live, and the receiver has failed.
    Page.objects.filter(pk=page.pk).update(expire_at=next_time())
    return page


live("Trigger refuses to expire")
live("Receiver fails after expiry")
live("Expires")

orphan, _ = draft("Deleted by SQL")
halved, _ = draft("Halved by SQL")
_, of_no_model = draft("Of no model")
draft("Does not load", date="no date")
draft("Is not valid", title="")
draft("Trigger refuses to publish")
draft("Receiver fails after publication")
draft("Goes live first")
draft("Goes live second")

for text in ["unreadable", "readable"]:
    Notice.objects.create(text=text, live=True, expire_at=next_time())

gone = ContentType.objects.create(app_label="gone", model="thing")
Revision.objects.filter(pk=of_no_model.pk).update(content_type=gone)
with connection.cursor() as cursor:
    cursor.execute("delete from blog_blogpage where page_ptr_id in (%s, %s)", [orphan.pk, halved.pk])
    cursor.execute("delete from wagtailcore_page where id = %s", [orphan.pk])
    cursor.execute(
        """
        create function refuse() returns trigger language plpgsql as $$
        begin
            raise 'refused by a trigger';
        end $$;
        create trigger refuse before update of live on wagtailcore_page
        for each row when (new.title like 'Trigger refuses%' and new.live <> old.live) execute function refuse();
        """
    )
