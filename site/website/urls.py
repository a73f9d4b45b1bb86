"""The site's addresses: admin, documents, search, and every Wagtail page under the root."""

from django.conf import settings
from django.conf.urls.static import static
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

from search.views import search

if settings.MEDIA_BUCKET:
    from website.media import media

    media_urls = [path("media/<path:name>", media)]
else:
    # Only with DEBUG: elsewhere uploaded files on a disk aren't the web service's work.
    media_urls = static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT)

urlpatterns = [
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("search/", search, name="search"),
    *media_urls,
    path("", include(wagtail_urls)),
]
