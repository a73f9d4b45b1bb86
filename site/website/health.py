"""Answers the health check of the platform."""

from django.http import HttpResponse


class HealthMiddleware:
    """Answers `/health/` before every other middleware.

    It uses no session and no page, and so no database: a health check every few seconds would keep the
    database from pausing. Django checks ALLOWED_HOSTS only at a call of `request.get_host()`, and nothing
    before this point calls it. So a check that uses the address of the container is answered too.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info == "/health/":
            return HttpResponse("ok\n", content_type="text/plain")
        return self.get_response(request)
