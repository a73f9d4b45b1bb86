"""Host names and origins on a platform that chooses the domain of the site."""

import asyncio

from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.test import AsyncClient, Client, SimpleTestCase, override_settings
from django.urls import path

MIDDLEWARE = ["wagrun.middleware.WagrunMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
NAMES = ["abc123.eu-central-1.awsapprunner.com", "site-0123.ecs.eu-central-1.on.aws"]

urlpatterns = [path("", lambda request: HttpResponse(f"{get_token(request)} {request.build_absolute_uri()}"))]


@override_settings(
    ROOT_URLCONF=__name__,
    MIDDLEWARE=MIDDLEWARE,
    ALLOWED_HOSTS=[".eu-central-1.awsapprunner.com", ".ecs.eu-central-1.on.aws"],
    CSRF_TRUSTED_ORIGINS=[],
    CSRF_COOKIE_SECURE=True,
    WAGRUN_HTTPS=True,
)
class MadeUpDomainTest(SimpleTestCase):
    def post(self, name, origin, **headers):
        client = Client(enforce_csrf_checks=True)
        token = client.get("/", headers={"host": name}).content.decode().split()[0]
        return client.post("/", {"csrfmiddlewaretoken": token}, headers={"host": name, "origin": origin, **headers})

    def test_a_form_of_the_site_itself_is_taken(self):
        for name in NAMES:
            # Inside the platform a request is plain http, with any or no header about the scheme of the
            # visitor.
            for headers in ({}, {"x-forwarded-proto": "https"}, {"x-forwarded-proto": "http"}):
                with self.subTest(name, **headers):
                    response = self.post(name, f"https://{name}", **headers)
                    self.assertEqual(response.status_code, 200)
                    self.assertTrue(response.content.decode().endswith(f"https://{name}/"))

    def test_a_form_of_another_site_on_the_platform_is_not(self):
        for name in NAMES:
            with self.subTest(name):
                self.assertEqual(self.post(name, f"https://evil.{name.partition('.')[2]}").status_code, 403)

    def test_another_region_s_names_are_not_ours(self):
        with self.assertLogs("django.security.DisallowedHost"):
            response = self.client.get("/", headers={"host": "abc123.us-east-1.awsapprunner.com"})
        self.assertEqual(response.status_code, 400)

    @override_settings(ALLOWED_HOSTS=["testserver"])
    def test_an_async_request_is_https_too(self):
        response = asyncio.run(AsyncClient().get("/"))
        self.assertTrue(response.content.decode().endswith("https://testserver/"))

    @override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))
    def test_a_header_that_the_site_trusts_may_be_absent_or_wrong(self):
        for headers in ({}, {"x-forwarded-proto": "http"}):
            response = self.client.get("/", headers={"host": NAMES[0], **headers})
            self.assertTrue(response.content.decode().endswith(f"https://{NAMES[0]}/"))

    @override_settings(WAGRUN_HTTPS=False)
    def test_without_the_setting_a_request_is_what_the_server_says(self):
        response = self.client.get("/", headers={"host": NAMES[0]})
        self.assertTrue(response.content.decode().endswith(f"http://{NAMES[0]}/"))

    @override_settings(MIDDLEWARE=MIDDLEWARE[1:])
    def test_without_the_middleware_the_form_would_be_refused(self):
        self.assertEqual(self.post(NAMES[0], f"https://{NAMES[0]}").status_code, 403)
