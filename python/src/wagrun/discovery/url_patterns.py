"""
Asks Django for the addresses at which the site serves its pages. __init__.py says how this is run. content-events computes the URL of a page from the answer, the sites and the page's path, and gets what
`Page.full_url` returns.

    is_i18n           WAGTAIL_I18N_ENABLED
    appends_slash     WAGTAIL_APPEND_SLASH
    serves_any_path   true when the pattern `wagtail_serve` takes other characters than letters, digits, `_` and `-`
    prefixes          the text before a page's path, such as `/fr/`, by the language of its root page; null when the site serves
                      no pages. It includes FORCE_SCRIPT_NAME and the path under which wagtail.urls are included
    routes            with internationalisation, [prefix, language] of each language that an address can have, where language is the
                      content language of which Wagtail then shows the root page
    default_language  the content language of LANGUAGE_CODE, for a language without a locale
    default_prefixes  the same as prefixes without internationalisation: that of the default language, and those of the others
    own_urls          content types whose model computes its URLs itself, as `app.model`
"""

from typing import Any, Iterator

from django.apps import apps
from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import translation
from wagtail.coreutils import WAGTAIL_APPEND_SLASH, get_content_languages, get_supported_content_language_variant
from wagtail.models import AbstractPage, Locale, Site

BASE_PAGE = Site._meta.get_field("root_page").remote_field.model
PROBE = "wagrun-probe"
# The methods from which Page.full_url comes.
URL_METHODS = ("get_url_parts", "get_full_url", "full_url", "_get_relevant_site_root_paths")


def page_path(language: str, below_root: str) -> "str | None":
    """Returns the path of a page below a root page of this language, as Wagtail computes it; None when it has none."""
    page: Any = BASE_PAGE(url_path=f"/root/{below_root}")
    page._get_relevant_site_root_paths = lambda request: ((1, "/root/", "", language),)
    parts = page.get_url_parts()
    return str(parts[2]) if parts else None


def prefix(path: "str | None") -> "str | None":
    """Returns the text before the probe in a path. None when there is no path, or the probe is not its end."""
    before, probe, after = (path or "").partition(PROBE)
    return before if probe and after in ("", "/") else None


def content_language(code: str) -> "str | None":
    """Returns the content language for a language of Django's; None when there is none."""
    try:
        return str(get_supported_content_language_variant(code))
    except LookupError:
        return None


def all_prefixes() -> "Iterator[tuple[str, str]]":
    """Yields each language in which an address can be, and the text before a page's path then, the active language first."""
    active = translation.get_language() or settings.LANGUAGE_CODE
    for language in [active, settings.LANGUAGE_CODE, *(code for code, _ in settings.LANGUAGES)]:
        with translation.override(language):
            try:
                path = prefix(reverse("wagtail_serve", args=(f"{PROBE}/",)))
            except NoReverseMatch:
                path = None
        if path is not None:
            yield language, path


def serves_any_path() -> bool:
    try:
        reverse("wagtail_serve", args=("a.b~c/",))
    except NoReverseMatch:
        return False
    return True


def own_urls() -> "list[str]":
    models = [model for model in apps.get_models() if issubclass(model, AbstractPage) and model is not BASE_PAGE]
    return sorted(
        model._meta.label_lower
        for model in models
        if any(getattr(model, name, None) is not getattr(BASE_PAGE, name, None) for name in URL_METHODS)
    )


def url_patterns() -> "dict[str, Any]":
    is_i18n = getattr(settings, "WAGTAIL_I18N_ENABLED", False)
    languages = {*get_content_languages(), *Locale.objects.values_list("language_code", flat=True)} if is_i18n else ()
    return {
        "is_i18n": is_i18n,
        "appends_slash": WAGTAIL_APPEND_SLASH,
        "serves_any_path": serves_any_path(),
        "prefixes": {language: prefix(page_path(language, f"{PROBE}/")) for language in sorted(languages)},
        "routes": sorted({(path, content_language(language) or "") for language, path in all_prefixes()})
        if is_i18n
        else [],
        "default_language": content_language(settings.LANGUAGE_CODE) or "",
        "default_prefixes": list(dict.fromkeys(path for _, path in all_prefixes())),
        "own_urls": own_urls(),
    }
