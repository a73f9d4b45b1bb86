"""Uploads in a private S3 bucket, under addresses of the site's own."""

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpResponseRedirect
from django.utils.encoding import filepath_to_uri
from storages.backends.s3 import S3Storage

# A visitor's browser may keep the redirect for a little less than what it leads to is valid.
SIGNED_SECONDS = 3600
CACHED_SECONDS = 3000


class MediaStorage(S3Storage):
    """
    Links to `/media/…`, which leads to a signed address.

    A signed address in the page itself would be another one in every answer, and dead within the hour in whatever keeps
    the page: a CDN, a feed, a subscriber of wagrun's events.
    """

    def url(self, name, parameters=None, expire=None, http_method=None):
        return settings.MEDIA_URL + filepath_to_uri(name)

    def signed_url(self, name):
        return super().url(name, expire=SIGNED_SECONDS)


def media(request, name):
    """Sends the visitor to the file; touches neither the database nor the bucket."""
    # Documents can be private to some users, which the view of wagtail.documents sees to.
    if name.startswith("documents/"):
        raise Http404
    response = HttpResponseRedirect(default_storage.signed_url(name))
    response.headers["Cache-Control"] = f"public, max-age={CACHED_SECONDS}"
    return response
