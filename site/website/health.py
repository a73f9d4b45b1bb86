"""Answers the platform's health check, and nothing else."""

from django.http import HttpResponse


class HealthMiddleware:
    """
    Answers `/health/` before every other middleware.

    No session, no page and so no database is touched: a health check every few seconds would keep the database from
    ever pausing. Django checks ALLOWED_HOSTS only when something asks for `request.get_host()`, which nothing before
    this point does; a check that calls the container by its address is therefore answered too.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info == "/health/":
            return HttpResponse("ok\n", content_type="text/plain")
        return self.get_response(request)
