"""Each check fires for its reason, names the setting and the value to set, and stays quiet otherwise."""

import os
from unittest import mock

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import run_checks
from django.test import SimpleTestCase
from django.test.utils import override_settings
from django.urls import path
from wagrun.middleware import WagrunMiddleware

GOOD = {
    "ENGINE": "wagrun.database", "HOST": "db.example.org", "NAME": "site", "USER": "web", "CONN_MAX_AGE": 0,
    "OPTIONS": {"sslmode": "require"},
}  # fmt: skip
PLAIN = {**GOOD, "ENGINE": "django.db.backends.postgresql"}
FIRST = "wagrun.middleware.WagrunMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"


def health(request):
    return None


class Subclass(WagrunMiddleware):
    """A middleware of a site that adds to ours."""


# Nothing connects to it.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

urlpatterns = [path("health/", health)]


class CheckTest(SimpleTestCase):
    def warnings(self, deploy=False, environment=None, databases=None, **settings):
        with mock.patch.dict(os.environ, {"HOME": "/nonexistent", **(environment or {})}, clear=True):
            with override_settings(**settings), mock.patch.object(django_settings, "DATABASES", databases or DATABASES):
                return run_checks(tags=["wagrun"], include_deployment_checks=deploy)

    def assert_quiet(self, **options):
        self.assertEqual(self.warnings(**options), [])

    def assert_warns(self, number, *texts, **options):
        """Asserts that there is one warning, with these texts. The hint has to be there."""
        found = self.warnings(**options)
        self.assertEqual([warning.id for warning in found], [f"wagrun.W{number:03}"], found)
        self.assertTrue(found[0].hint)
        for text in texts:
            self.assertIn(text, f"{found[0].msg} {found[0].hint}")


class DatabaseCheckTest(CheckTest):
    """The settings are read without a connection: a SimpleTestCase forbids queries, and no server is there."""

    def test_settings_that_use_the_package_without_its_app(self):
        with mock.patch.object(apps, "is_installed", return_value=False):
            [warning] = [one for one in self.warnings() if one.id == "wagrun.W017"]
        self.assertIn("'wagrun' is not in INSTALLED_APPS", warning.msg)
        self.assertNotIn("wagrun.W017", [one.id for one in self.warnings()])

    def test_a_good_database_is_no_reason_for_a_warning(self):
        self.assert_quiet(databases={"default": GOOD})

    def test_w001_a_connection_that_stays_open(self):
        for age in (600, None):
            self.assert_warns(
                1,
                "DATABASES['default']['CONN_MAX_AGE']",
                repr(age),
                "Set it to 0",
                databases={"default": {**GOOD, "CONN_MAX_AGE": age}},
            )
        self.assert_warns(1, "DATABASES['other']", databases={"default": GOOD, "other": {**PLAIN, "CONN_MAX_AGE": 1}})
        sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:", "CONN_MAX_AGE": 600}
        self.assert_quiet(databases={"default": sqlite})

    def test_w002_a_pool(self):
        for database in (
            {**PLAIN, "OPTIONS": {"pool": True}},
            {**PLAIN, "OPTIONS": {"pool": {"max_size": 4}}},
            {**PLAIN, "ENGINE": "dj_db_conn_pool.backends.postgresql"},
        ):
            self.assert_warns(2, "DATABASES['default']", "'wagrun.database'", databases={"default": database})
        self.assert_quiet(databases={"default": {**PLAIN, "OPTIONS": {"pool": False}}})

    def test_w003_authorities_that_are_not_there(self):
        for mode in ("verify-ca", "verify-full"):
            options = {"sslmode": mode}
            self.assert_warns(
                3,
                "/nonexistent/.postgresql/root.crt",
                "DATABASE_CA_BUNDLE",
                databases={"default": {**GOOD, "OPTIONS": options}},
            )
        options = {"sslmode": "verify-full", "sslrootcert": "/absent.pem"}
        self.assert_warns(3, "/absent.pem", databases={"default": {**GOOD, "OPTIONS": options}})
        for present in (__file__, "system"):
            self.assert_quiet(
                databases={"default": {**GOOD, "OPTIONS": {"sslmode": "verify-full", "sslrootcert": present}}}
            )
        self.assert_quiet(
            environment={"PGSSLROOTCERT": __file__},
            databases={"default": {**GOOD, "OPTIONS": {"sslmode": "verify-full"}}},
        )

    def test_w004_a_token_for_a_server_that_proves_nothing(self):
        options = {"sslmode": "require", "iam_region": "eu-central-1"}
        with mock.patch("wagrun.checks.database.find_spec"):
            self.assert_warns(
                4, "OPTIONS['sslmode']", "'verify-full'", databases={"default": {**GOOD, "OPTIONS": options}}
            )

    def test_w005_a_token_that_cannot_be_made(self):
        options = {"sslmode": "verify-full", "sslrootcert": __file__, "iam_region": "eu-central-1"}
        self.assert_warns(
            5,
            "django.db.backends.postgresql",
            "'wagrun.database'",
            databases={"default": {**PLAIN, "OPTIONS": options}},
        )
        with mock.patch("wagrun.checks.database.find_spec", return_value=None):
            self.assert_warns(5, "wagrun[aws]", databases={"default": {**GOOD, "OPTIONS": options}})
        with mock.patch("wagrun.checks.database.find_spec"):
            self.assert_quiet(databases={"default": {**GOOD, "OPTIONS": options}})

    def test_w007_an_environment_that_is_ignored(self):
        environment = {"DATABASE_HOST": "db.example.org", "DATABASE_NAME": "site"}
        self.assert_quiet(environment=environment, databases={"default": GOOD})
        for database, text in (
            ({**GOOD, "HOST": "localhost"}, "'localhost'"),
            ({**GOOD, "NAME": "other"}, "DATABASES['default']['NAME'] is 'other'"),
        ):
            self.assert_warns(7, text, "wagrun.conf.database", environment=environment, databases={"default": database})
        self.assert_quiet(environment={"DATABASE_NAME": "of another tool"}, databases={"default": GOOD})

    def test_w008_an_engine_that_does_not_wait(self):
        production = {"deploy": True, "WAGRUN_HTTPS": True, "STORAGES": {"default": {"BACKEND": "site.Storage"}}}
        self.assert_warns(8, "does not wait", "'wagrun.database'", **production, databases={"default": PLAIN})
        self.assert_quiet(databases={"default": PLAIN})
        self.assert_quiet(**production, databases={"default": GOOD})
        sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        self.assert_warns(8, "not for PostgreSQL", **production, databases={"default": sqlite})


class WebCheckTest(CheckTest):
    PRODUCTION = {"deploy": True, "STORAGES": {"default": {"BACKEND": "site.Storage"}}}

    def deployed(self, **settings):
        found = self.warnings(**self.PRODUCTION, **settings)
        return [(warning.id, warning.msg + warning.hint) for warning in found if warning.id != "wagrun.W008"]

    def test_w011_no_middleware(self):
        self.assert_warns(11, FIRST, "first of MIDDLEWARE", MIDDLEWARE=[SECURITY])

    def test_w012_a_middleware_before_it(self):
        self.assert_warns(12, SECURITY, FIRST, MIDDLEWARE=[SECURITY, FIRST])
        for harmless in ("whitenoise.middleware.WhiteNoiseMiddleware", "corsheaders.middleware.CorsMiddleware"):
            self.assert_quiet(MIDDLEWARE=[harmless, FIRST, SECURITY])

    def test_a_subclass_counts_as_the_middleware(self):
        self.assert_quiet(MIDDLEWARE=["tests.test_checks.Subclass", SECURITY])
        # One that cannot be imported here is no reason to fail.
        self.assert_warns(12, "site.Absent", MIDDLEWARE=["site.Absent", "tests.test_checks.Subclass"])

    def test_w013_a_view_that_is_never_reached(self):
        self.assert_warns(13, "/health/", "tests.test_checks.health", ROOT_URLCONF=__name__)
        self.assert_quiet(ROOT_URLCONF="tests.urls")

    def test_w014_redirects_without_end(self):
        ((number, text),) = self.deployed(SECURE_SSL_REDIRECT=True)
        self.assertEqual(number, "wagrun.W014")
        self.assertIn("WAGRUN_HTTPS", text)
        self.assertEqual(self.deployed(SECURE_SSL_REDIRECT=True, WAGRUN_HTTPS=True), [])

    def test_w015_a_scheme_that_nobody_knows(self):
        ((number, text),) = self.deployed()
        self.assertEqual(number, "wagrun.W015")
        self.assertIn("WAGRUN_HTTPS", text)
        self.assertEqual(self.deployed(WAGRUN_HTTPS=True), [])
        self.assertEqual(self.deployed(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")), [])

    def test_w016_names_that_are_ignored(self):
        environment = {"ALLOWED_HOSTS": ".awsapprunner.com,example.org"}
        self.assert_warns(
            16, ".awsapprunner.com", "wagrun.conf.allowed_hosts", environment=environment, ALLOWED_HOSTS=["example.org"]
        )
        for allowed in (["*"], ["example.org", ".awsapprunner.com"]):
            self.assert_quiet(environment=environment, ALLOWED_HOSTS=allowed)


class BackgroundCheckTest(CheckTest):
    def test_w021_a_cache_in_the_database(self):
        caches = {"pages": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
        self.assert_warns(21, "CACHES['pages']", "LocMemCache", CACHES=caches)
        self.assert_quiet(CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})

    def test_w022_sessions_of_everybody(self):
        self.assert_warns(22, "SESSION_SAVE_EVERY_REQUEST", "False", SESSION_SAVE_EVERY_REQUEST=True)
        self.assert_warns(22, "CSRF_USE_SESSIONS", "False", CSRF_USE_SESSIONS=True)
        cookies = "django.contrib.sessions.backends.signed_cookies"
        self.assert_quiet(SESSION_ENGINE=cookies, SESSION_SAVE_EVERY_REQUEST=True, CSRF_USE_SESSIONS=True)

    def test_w023_workers_that_ask_the_database(self):
        installed = ("wagrun", "django_celery_beat")
        with mock.patch("wagrun.checks.background.apps.is_installed", side_effect=lambda name: name in installed):
            self.assert_warns(23, "django_celery_beat", "every few seconds")
        for backend in ("django_tasks.backends.database.DatabaseBackend", "django_tasks_db.DatabaseBackend"):
            self.assert_warns(23, "TASKS['default']", "ImmediateBackend", TASKS={"default": {"BACKEND": backend}})
        self.assert_quiet(TASKS={"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}})
        self.assert_warns(23, "CELERY_BROKER_URL", CELERY_BROKER_URL="sqla+postgresql://localhost/site")
        self.assert_quiet(CELERY_BROKER_URL="redis://localhost/0")
        layers = {"default": {"BACKEND": "channels_postgres.core.PostgresChannelLayer"}}
        self.assert_warns(23, "CHANNEL_LAYERS['default']", CHANNEL_LAYERS=layers)
        installed = ("wagrun", "django_q")
        with mock.patch("wagrun.checks.background.apps.is_installed", side_effect=lambda name: name in installed):
            self.assert_warns(23, "Q_CLUSTER['orm']", Q_CLUSTER={"orm": "default"})
            self.assert_quiet(Q_CLUSTER={"redis": {}})


class UploadsCheckTest(CheckTest):
    OURS = {"default": {"BACKEND": "wagrun.media.MediaStorage"}}

    def test_w031_a_bucket_that_is_ignored(self):
        self.assert_warns(31, "MEDIA_BUCKET", "wagrun.conf.storage", environment={"MEDIA_BUCKET": "media"})
        with mock.patch("wagrun.checks.uploads.find_spec"):
            self.assert_quiet(environment={"MEDIA_BUCKET": "media"}, STORAGES=self.OURS)

    def test_w032_uploads_that_end_with_the_container(self):
        found = sorted(warning.id for warning in self.warnings(deploy=True, WAGRUN_HTTPS=True))
        self.assertEqual(found, ["wagrun.W008", "wagrun.W032"])
        self.assert_quiet()

    def test_w033_packages_that_are_missing(self):
        with mock.patch("wagrun.checks.uploads.find_spec", return_value=None):
            self.assert_warns(33, "wagrun[aws]", STORAGES=self.OURS)
