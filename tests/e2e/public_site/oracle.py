"""What the public sees of the site, by the answers of the site itself to a visitor who is not logged in."""

from urllib.parse import urlsplit

from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.encoding import iri_to_uri
from wagtail.models import Page, Site

VISITOR = Client()


def served(url):
    """Returns the number of the page that the site serves at this URL, or None."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    script = settings.FORCE_SCRIPT_NAME or ""
    path = parts.path.removeprefix(script) or "/"
    # The language of a response must not decide about the next one.
    VISITOR.cookies.clear()
    response = VISITOR.get(
        path, SERVER_NAME=parts.hostname, SERVER_PORT=str(port), secure=parts.scheme == "https", SCRIPT_NAME=script
    )
    translation.activate(settings.LANGUAGE_CODE)
    # A form for a password is an answer too.
    return int(response.content) if response.status_code == 200 and response.content.isdigit() else None


def full_urls():
    """Returns the full URL of each page, as Wagtail computes it; None for a page without one."""
    Site.clear_site_root_paths_cache()
    return {page.pk: page.full_url for page in Page.objects.exclude(depth=1)}


def public_view():
    """
    Returns every address of each page that the public can see, on each site and with each language. The full URL may not be among
    them: Wagtail computes it for a translated root page that is a draft, and does not serve it then.
    """
    found = {pk: set() for pk in Page.objects.filter(live=True).values_list("pk", flat=True)}
    paths = dict(Page.objects.filter(pk__in=found).values_list("pk", "url_path"))
    languages = ["", *(f"{code}/" for code, _ in settings.LANGUAGES)] if settings.VARIANT.get("i18n_patterns") else [""]
    prefix = f"{settings.FORCE_SCRIPT_NAME or ''}/"
    for site in Site.objects.select_related("root_page"):
        roots = [site.root_page]
        if settings.WAGTAIL_I18N_ENABLED:
            roots = list(site.root_page.get_translations(inclusive=True))
        for root in roots:
            for pk, url_path in paths.items():
                if not url_path.startswith(root.url_path):
                    continue
                below = url_path[len(root.url_path) :]
                if not settings.WAGTAIL_APPEND_SLASH:
                    below = below.rstrip("/")
                for language in languages:
                    path = prefix + language + settings.VARIANT.get("path_prefix", "") + below
                    if not settings.WAGTAIL_APPEND_SLASH and path != "/":
                        path = path.rstrip("/")
                    if served(site.root_url + path) == pk:
                        found[pk].add(site.root_url + iri_to_uri(path))
    return {pk: sorted(urls) for pk, urls in found.items() if urls}
