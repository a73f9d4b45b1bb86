"""Inserts sites and pages for a comparison of addresses: nested sites, several on one root, translations, letters of all kinds."""

import json
import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup(set_prefix=True)

from wagtail.models import Locale, Page, Site  # noqa: E402

from articles.models import Article, Elsewhere  # noqa: E402

home = Site.objects.get().root_page
fr = Locale.objects.create(language_code="fr")
maison = Page(title="Maison", slug="maison", locale=fr, translation_key=home.translation_key)
Page.get_first_root_node().add_child(instance=maison)
outside = Page.get_first_root_node().add_child(instance=Page(title="Outside", slug="outside"))

for parent in (home, maison, outside):
    for slug in ("news", "straße", "a_b-c", "новости", "日本"):
        page = parent.add_child(instance=Article(title=slug, slug=slug, locale=parent.locale))
        page.add_child(instance=Article(title="Draft", slug="draft", live=False, locale=parent.locale))
    # An import may write what the admin refuses.
    dotted = parent.add_child(instance=Article(title="Dotted", slug="dotted", locale=parent.locale))
    Page.objects.filter(pk=dotted.pk).update(slug="a.html", url_path=f"{parent.url_path}a.html/")
home.add_child(instance=Elsewhere(title="Elsewhere", slug="elsewhere"))

news = home.get_children().get(slug="news")
Site.objects.create(hostname="news.example.org", port=443, root_page=news)
Site.objects.create(hostname="b.example.org", port=80, root_page=home)
Site.objects.create(hostname="a.example.org", port=8000, root_page=home)
print(json.dumps("done"))
