"""The page of a site whose database does not wake in time."""

import asyncio

from django.db import OperationalError
from django.db.backends.postgresql.base import Database
from django.http import HttpResponse
from django.test import AsyncClient, Client, SimpleTestCase, override_settings
from django.urls import path

WAKING = "/database/?error=FATAL: the database system is starting up"


def fail(request):
    try:
        raise Database.OperationalError(request.GET["error"])
    except Database.OperationalError as cause:
        # As Django's backends do.
        raise OperationalError(str(cause)) from cause


def fail_otherwise(request):
    raise RuntimeError


def handled(request):
    try:
        fail(request)
    except OperationalError:
        return HttpResponse("handled", status=500)


class FailingMiddleware:
    """Needs the database before the view, as one for redirects does after it."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info == "/":
            fail(request)
        return self.get_response(request)


urlpatterns = [path("database/", fail), path("other/", fail_otherwise), path("handled/", handled)]
MIDDLEWARE = ["wagrun.middleware.WagrunMiddleware", f"{__name__}.FailingMiddleware"]


@override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=MIDDLEWARE)
class WakingPageTest(SimpleTestCase):
    def get(self, path):
        with self.assertLogs("django.request"):
            return Client(raise_request_exception=False).get(path)

    def assert_waking(self, response):
        self.assertEqual((response.status_code, response["Retry-After"]), (503, "10"))
        self.assertEqual(response["Cache-Control"], "no-store")
        self.assertContains(response, '<meta http-equiv="refresh" content="10">', status_code=503)

    def test_a_database_that_is_still_waking_is_worth_a_moment(self):
        self.assert_waking(self.get(WAKING))

    def test_it_may_be_a_middleware_that_needs_the_database(self):
        self.assert_waking(self.get(WAKING.replace("/database/", "/")))

    def test_an_async_request_is_answered_too(self):
        async def get():
            return await AsyncClient(raise_request_exception=False).get(WAKING)

        with self.assertLogs("django.request"):
            self.assert_waking(asyncio.run(get()))

    def test_anything_else_is_an_error(self):
        for path in ("/database/?error=password authentication failed", "/other/"):
            with self.subTest(path):
                response = self.get(path)
                self.assertEqual(response.status_code, 500)
                self.assertNotIn("Retry-After", response.headers)

    def test_an_error_that_the_site_has_handled_is_the_site_s(self):
        response = self.get(WAKING.replace("database/", "handled/"))
        self.assertEqual((response.status_code, response.content), (500, b"handled"))

    def test_a_site_may_have_its_own_page(self):
        loaders = [("django.template.loaders.locmem.Loader", {"503.html": "Gleich, in {{ seconds }} s"})]
        engine = {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}
        with self.settings(TEMPLATES=[engine]):
            response = self.get(WAKING)
        self.assertEqual((response.status_code, response.content.decode()), (503, "Gleich, in 10 s"))
