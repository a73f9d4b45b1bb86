"""Tells Django what the platform in front of it does not always say: that the visitor came by https."""


class HttpsMiddleware:
    """
    Counts every request as https, except on a site whose own address is http.

    App Runner and ECS Express end TLS in front of the container and let nothing else through. Django compares the
    origin of a form with `request.scheme`, so a login is refused where the platform sends no X-Forwarded-Proto or a
    wrong one. Trusting the platform's whole domain instead (CSRF_TRUSTED_ORIGINS with a `*`) would trust everybody
    else's sites on it.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.environ["wsgi.url_scheme"] = "https"
        return self.get_response(request)
