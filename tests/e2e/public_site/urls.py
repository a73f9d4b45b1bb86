"""The addresses of the site, with the prefixes that the test varies."""

from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.documents import urls as wagtaildocs_urls

VARIANT = settings.VARIANT
PAGES = [path(VARIANT.get("path_prefix", ""), include(wagtail_urls))]

urlpatterns = [
    path("admin/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
]
if VARIANT.get("headless"):
    pass
elif VARIANT.get("i18n_patterns"):
    urlpatterns += i18n_patterns(*PAGES, prefix_default_language=VARIANT.get("prefix_default_language", True))
else:
    urlpatterns += PAGES
