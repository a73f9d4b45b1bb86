"""Marks requests as https, because the platform does not always send the scheme."""


class HttpsMiddleware:
    """Treats every request as https, except on a site whose own address is http.

    App Runner and ECS Express end TLS in front of the container and let nothing else through. Django compares
    the origin of a form with `request.scheme`. So a log-in is refused if the platform sends no
    X-Forwarded-Proto or a wrong one. The alternative is to trust the whole domain of the platform
    (CSRF_TRUSTED_ORIGINS with a `*`), which would trust all other sites on it.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.environ["wsgi.url_scheme"] = "https"
        return self.get_response(request)
