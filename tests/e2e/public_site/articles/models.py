"""The page types of the site."""

from django.db import models
from django.http import HttpResponse
from wagtail.admin.panels import FieldPanel
from wagtail.models import Page


def answer(page, request, *args, **kwargs):
    """Answers a visitor with the number of the page. Wagtail calls it after every restriction was checked."""
    return HttpResponse(str(page.pk))


Page.serve = answer


class Article(Page):
    """A page with a text."""

    text = models.TextField(blank=True)

    content_panels = [*Page.content_panels, FieldPanel("text")]


class Elsewhere(Page):
    """A page that another program shows."""

    def get_url_parts(self, request=None):
        site_id, root_url, path = super().get_url_parts(request)
        return site_id, root_url, f"/elsewhere{path}"
