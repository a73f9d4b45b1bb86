"""
A random editor of the site. `python editor.py SEED` waits for a line on standard input, does some random actions, and answers with a
line of JSON: `view` has the full URL of each page that the public sees, `addresses` every address at which it is served, and
`actions` what was done.
It ends with its input.

Half of the actions go through Wagtail's admin, as a browser would. The others are those of scripts, imports and management commands.
"""

import json
import os
import random
import sys
from datetime import timedelta
from pathlib import Path

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
sys.path.insert(0, str(Path(__file__).resolve().parent))
django.setup(set_prefix=True)

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402
from wagtail.models import Locale, Page, PageViewRestriction, Revision, Site  # noqa: E402

from articles.models import Article  # noqa: E402
from oracle import full_urls, public_view  # noqa: E402

MAX_PAGES = 25
ROOT = Page.get_first_root_node()


class Rollback(Exception):
    pass


class Editor:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = 0
        self.done = []
        user = get_user_model().objects.create_superuser(f"editor{seed}", "", "password")
        self.admin = Client(SERVER_NAME="admin.example.org")
        self.admin.force_login(user)

    # Choices

    def name(self):
        self.names += 1
        return self.random.choice(("p", "zürich", "a-b_c")) + str(self.names)

    def page(self):
        """Returns a page that is no root of a site, or None."""
        roots = Site.objects.values_list("root_page", flat=True)
        return self.one(Page.objects.filter(depth__gt=2).exclude(pk__in=roots))

    def parent(self):
        return self.one(Page.objects.filter(depth__gt=1, alias_of=None)) or self.home()

    def home(self):
        return Site.objects.order_by("pk").first().root_page

    def one(self, objects):
        objects = list(objects.order_by("pk"))
        return self.random.choice(objects) if objects else None

    def later(self):
        return timezone.now() + timedelta(days=1)

    # The admin

    def form(self, page=None, **changes):
        fields = {
            "title": page.title if page else "",
            "slug": page.slug if page else "",
            "text": "Text",
            "seo_title": "",
            "search_description": "",
            "go_live_at": "",
            "expire_at": "",
        }
        return {**fields, **changes}

    def post(self, url, data):
        response = self.admin.post(f"/admin/{url}", data)
        self.done[-1] += f" {url} {response.status_code}"

    def schedule(self):
        return self.random.choice(
            [{}, {}, {"go_live_at": self.later().strftime("%Y-%m-%d %H:%M")}, {"expire_at": self.later().strftime("%Y-%m-%d %H:%M")}]
        )

    def action(self):
        return self.random.choice([{}, {"action-publish": "1"}, {"action-publish": "1"}])

    def admin_create(self):
        if Page.objects.count() < MAX_PAGES:
            name = self.name()
            data = self.form(title=name, slug=name, **self.schedule(), **self.action())
            self.post(f"pages/add/articles/article/{self.parent().pk}/", data)

    def admin_edit(self, page):
        page = page.get_latest_revision_as_object()
        data = self.form(page, title=self.name(), **self.schedule(), **self.action())
        if self.random.random() < 0.3:
            data["slug"] = self.name()
        self.post(f"pages/{page.pk}/edit/", data)

    def admin_unpublish(self, page):
        self.post(f"pages/{page.pk}/unpublish/", self.random.choice([{}, {"include_descendants": "on"}]))

    def admin_delete(self, page):
        self.post(f"pages/{page.pk}/delete/", {})

    def admin_move(self, page):
        parent = self.parent()
        if parent.pk != page.pk and not parent.is_descendant_of(page):
            self.post(f"pages/{page.pk}/move/{parent.pk}/confirm/", {"confirm": "1"})

    def admin_copy(self, page):
        if Page.objects.count() < MAX_PAGES:
            name = self.name()
            data = {"new_title": name, "new_slug": name, "new_parent_page": str(self.parent().pk)}
            for option in ("copy_subpages", "publish_copies", "alias"):
                if self.random.random() < 0.5:
                    data[option] = "on"
            self.post(f"pages/{page.pk}/copy/", data)

    def admin_privacy(self, page):
        data = {"restriction_type": self.random.choice(("none", "none", "password", "login", "groups"))}
        data["password"] = "secret"
        data["groups"] = [str(Group.objects.order_by("pk").first().pk)]
        self.post(f"pages/{page.pk}/privacy/", data)

    def admin_bulk(self, page):
        action = self.random.choice(("publish", "unpublish", "delete"))
        ids = [page.pk, *Page.objects.filter(depth=page.depth).values_list("pk", flat=True)[:2]]
        roots = set(Site.objects.values_list("root_page", flat=True))
        query = "&".join(f"id={pk}" for pk in ids if pk not in roots)
        self.post(f"bulk/wagtailcore/page/{action}/?{query}", {"include_descendants": "on"})

    def admin_site(self):
        site = self.one(Site.objects.all())
        # Of two sites with one root page and one host name, Wagtail takes either for the full URL.
        others = Site.objects.exclude(pk=site.pk).values_list("hostname", flat=True)
        hosts = {"one.example.org", "two.example.org", site.hostname}.difference(others) or {f"port{site.pk}.example.org"}
        self.post(
            f"sites/edit/{site.pk}/",
            {
                "hostname": self.random.choice(sorted(hosts)),
                "port": self.random.choice((80, 443, 8000)),
                "site_name": "",
                "root_page": str(site.root_page_id),
                **({"is_default_site": "on"} if site.is_default_site else {}),
            },
        )

    # Scripts

    def script_create(self):
        if Page.objects.count() < MAX_PAGES:
            name = self.name()
            extra = self.random.choice([{}, {"live": False}, {"go_live_at": self.later()}])
            self.parent().specific.add_child(instance=Article(title=name, slug=name, **extra))

    def script_edit(self, page):
        page = page.specific
        page.title = self.name()
        if self.random.random() < 0.4:
            page.slug = self.name()
        page.save()

    def script_publish(self, page):
        if page.alias_of_id is None:
            page.specific.save_revision().publish()

    def script_unpublish(self, page):
        page.specific.unpublish()

    def script_alias(self, page):
        if Page.objects.count() < MAX_PAGES and page.alias_of_id is None:
            page.create_alias(parent=self.parent(), update_slug=self.name(), update_locale=None)

    def script_copy(self, page):
        if Page.objects.count() < MAX_PAGES:
            page.specific.copy(
                to=self.parent(),
                update_attrs={"slug": self.name()},
                keep_live=self.random.random() < 0.7,
                recursive=self.random.random() < 0.3,
                copy_revisions=self.random.random() < 0.5,
            )

    def script_move(self, page):
        target = self.parent()
        if target.pk != page.pk and not target.is_descendant_of(page):
            page.move(target, pos=self.random.choice(("first-child", "last-child")))

    def script_delete(self, page):
        page.specific.delete()

    def script_restrict(self, page):
        restriction = PageViewRestriction.objects.create(
            page=page, restriction_type=self.random.choice(("password", "login", "groups")), password="secret"
        )
        if restriction.restriction_type == "groups":
            restriction.groups.set(Group.objects.all()[:1])

    def script_release(self, page):
        PageViewRestriction.objects.filter(page__path__startswith=page.path).delete()

    def script_update(self, page):
        Page.objects.filter(path__startswith=page.path).update(live=self.random.random() < 0.5)

    def script_due(self, page):
        """Lets the times of a page come, and publishes what is due."""
        past = timezone.now() - timedelta(hours=1)
        Revision.objects.filter(approved_go_live_at__isnull=False).update(approved_go_live_at=past)
        for revision in Revision.objects.filter(approved_go_live_at__isnull=False):
            revision.content["go_live_at"] = past.isoformat()
            revision.save(update_fields=["content"])
        if self.random.random() < 0.5:
            Page.objects.filter(pk=page.pk).update(expire_at=past)
        call_command("publish_scheduled")

    def script_purge(self, page):
        Page.objects.filter(pk=page.pk).update(live_revision=None, latest_revision=None)
        page.revisions.all().delete()

    def script_rollback(self, page):
        with transaction.atomic():
            page.specific.unpublish()
            self.script_create()
            raise Rollback

    def script_together(self, page):
        with transaction.atomic():
            self.script_edit(page)
            self.random.choice((self.script_unpublish, self.script_move, self.script_restrict))(Page.objects.get(pk=page.pk))
            self.script_create()

    def script_site(self):
        number = self.names % 3
        action = self.random.choice(("create", "delete", "root", "port", "default"))
        site = self.one(Site.objects.filter(is_default_site=False))
        if action == "create" and Site.objects.count() < 4:
            Site.objects.create(hostname=f"more{number}.example.org", port=80, root_page=self.parent())
        elif action == "delete" and site:
            site.delete()
        elif action == "root" and site:
            site.root_page = self.parent()
            site.save()
        elif action == "port":
            Site.objects.filter(is_default_site=True).update(port=self.random.choice((80, 443, 8080)))
        elif action == "default" and site:
            Site.objects.update(is_default_site=False)
            Site.objects.filter(pk=site.pk).update(is_default_site=True)
        Site.clear_site_root_paths_cache()

    def script_translate(self, page):
        if settings.WAGTAIL_I18N_ENABLED and Page.objects.count() < MAX_PAGES:
            locale, _ = Locale.objects.get_or_create(language_code=self.random.choice(("fr", "de")))
            page.copy_for_translation(locale, copy_parents=True, alias=self.random.random() < 0.7)

    def script_translate_home(self):
        if settings.WAGTAIL_I18N_ENABLED:
            locale, _ = Locale.objects.get_or_create(language_code=self.random.choice(("fr", "de")))
            home = self.home()
            if not home.has_translation(locale):
                home.copy_for_translation(locale).specific.save_revision().publish()

    # Running

    ON_PAGE = (
        *("admin_edit", "admin_edit", "admin_unpublish", "admin_delete", "admin_move", "admin_copy", "admin_privacy", "admin_bulk"),
        *("script_edit", "script_publish", "script_unpublish", "script_alias", "script_copy", "script_move", "script_delete"),
        *("script_restrict", "script_release", "script_release", "script_update", "script_due", "script_purge"),
        *("script_rollback", "script_together", "script_translate"),
    )
    OTHERS = ("admin_create", "admin_create", "admin_site", "script_create", "script_create", "script_site", "script_translate_home")

    def act(self):
        page = self.page()
        name = self.random.choice(self.ON_PAGE if page and self.random.random() < 0.7 else self.OTHERS)
        self.done.append(name + (f"({page.pk})" if name in self.ON_PAGE else ""))
        try:
            # The path of a page is what the database says, whatever an earlier action left in memory.
            arguments = [Page.objects.get(pk=page.pk)] if name in self.ON_PAGE else []
            getattr(self, name)(*arguments)
        except Rollback:
            pass
        except Exception as error:  # noqa: BLE001  An action that Wagtail refuses is part of an editor's day.
            self.done[-1] += f" {type(error).__name__}: {error}"[:120]

    def act_some(self):
        self.done = []
        for _ in range(self.random.randint(1, 4)):
            self.act()
        return {**observed(), "actions": self.done}


def observed():
    addresses = public_view()
    urls = full_urls()
    report = {
        "sites": Site.objects.values_list(
            "hostname", "port", "root_page__url_path", "root_page__locale__language_code", "is_default_site"
        ),
        "restrictions": PageViewRestriction.objects.values_list("page", "restriction_type"),
        "pages": Page.objects.values_list("pk", "url_path", "live", "locale__language_code", "alias_of"),
    }
    return {
        "view": {pk: urls[pk] for pk in addresses},
        "addresses": addresses,
        "report": {name: [list(row) for row in rows] for name, rows in report.items()},
    }


def main():
    editor = Editor(int(sys.argv[1]))
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    print(json.dumps({**observed(), "actions": []}), file=output, flush=True)
    for _ in sys.stdin:
        print(json.dumps(editor.act_some()), file=output, flush=True)
    connection.close()


main()
