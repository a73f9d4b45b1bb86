"""Search over the live pages."""

from django.core.paginator import Paginator
from django.template.response import TemplateResponse
from wagtail.models import Page


def search(request):
    """Returns a page of ten results for `?query=`. A page number that does not exist shows the nearest page."""
    query = request.GET.get("query", "")
    results = Page.objects.live().search(query) if query else Page.objects.none()
    return TemplateResponse(
        request,
        "search/search.html",
        {"query": query, "results": Paginator(results, 10).get_page(request.GET.get("page"))},
    )
