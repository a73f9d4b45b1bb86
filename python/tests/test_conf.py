"""The settings that follow from the environment, and the site's own where it says nothing."""

import os
from unittest import TestCase, mock, skipIf

from django.core.exceptions import ImproperlyConfigured
from wagrun import conf

try:
    import dj_database_url
    import environ
except ImportError:
    dj_database_url = environ = None

ON_AWS = {"DATABASE_HOST": "db.example.org", "DATABASE_NAME": "site", "DATABASE_USER": "web"}
URL = "postgres://site:p%40ss@127.0.0.1:5433/development?sslmode=prefer"


def variables(**values):
    return mock.patch.dict(os.environ, values, clear=True)


class DatabaseTest(TestCase):
    OWN = {"ENGINE": "django.db.backends.postgresql", "NAME": "development", "CONN_MAX_AGE": 600}

    def test_elsewhere_the_site_keeps_its_own(self):
        for nothing in ({}, {"DATABASE_HOST": ""}):
            with variables(**nothing):
                self.assertEqual(conf.database(self.OWN), self.OWN)

    def test_on_aws_the_variables_count(self):
        own = {
            **self.OWN,
            "HOST": "localhost",
            "PASSWORD": "secret",
            "ATOMIC_REQUESTS": True,
            "OPTIONS": {"pool": True, "sslmode": "disable", "server_side_binding": True},
        }
        with variables(**ON_AWS, DATABASE_PASSWORD="other"):
            self.assertEqual(
                conf.database(own),
                {
                    "ENGINE": "wagrun.database",
                    "HOST": "db.example.org",
                    "PORT": "5432",
                    "NAME": "site",
                    "USER": "web",
                    "PASSWORD": "other",
                    "CONN_MAX_AGE": 0,
                    "ATOMIC_REQUESTS": True,
                    "OPTIONS": {"sslmode": "verify-full", "server_side_binding": True},
                },
            )

    def test_options_of_another_kind_of_database_are_not_for_this_one(self):
        own = {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {"timeout": 20}}
        with variables(**ON_AWS):
            self.assertEqual(conf.database(own)["OPTIONS"], {"sslmode": "verify-full"})

    def test_a_site_without_settings_of_its_own_is_told_what_is_missing(self):
        for name in ON_AWS:
            with (
                variables(**{**ON_AWS, name: ""}),
                self.assertRaisesRegex(ImproperlyConfigured, f"variable {name} is not"),
            ):
                conf.database()

    def test_a_half_given_database_is_no_reason_to_use_another_one(self):
        with variables(DATABASE_HOST="db.example.org"), self.assertRaisesRegex(ImproperlyConfigured, "DATABASE_NAME"):
            conf.database(self.OWN)

    def test_iam_needs_a_region_and_a_server_that_proves_itself(self):
        with variables(**ON_AWS, DATABASE_AUTH="iam", AWS_REGION="eu-central-1", DATABASE_CA_BUNDLE="/rds.pem"):
            self.assertEqual(
                conf.database()["OPTIONS"],
                {"sslmode": "verify-full", "iam_region": "eu-central-1", "sslrootcert": "/rds.pem"},
            )
        with variables(**ON_AWS, DATABASE_AUTH="iam"), self.assertRaisesRegex(ImproperlyConfigured, "AWS_REGION"):
            conf.database()
        with variables(**ON_AWS, DATABASE_AUTH="iam", AWS_REGION="eu-central-1", DATABASE_SSL_MODE="require"):
            with self.assertRaisesRegex(ImproperlyConfigured, "DATABASE_SSL_MODE=verify-full"):
                conf.database()

    def test_authorities_are_for_who_verifies(self):
        with variables(**ON_AWS, DATABASE_SSL_MODE="require", DATABASE_CA_BUNDLE="/rds.pem"):
            self.assertEqual(conf.database()["OPTIONS"], {"sslmode": "require"})

    def test_an_engine_of_the_site_s_own_may_take_its_place(self):
        with variables(**ON_AWS):
            self.assertEqual(conf.database(engine="site.postgis")["ENGINE"], "site.postgis")


@skipIf(environ is None, "for the environment `package`")
class DatabaseUrlTest(TestCase):
    """A site that reads DATABASE_URL keeps it, and may use it for this engine too."""

    def urls(self, **options):
        return dj_database_url.config(conn_max_age=600, **options), environ.Env().db("DATABASE_URL", **options)

    def test_elsewhere_the_url_counts_and_on_aws_the_variables(self):
        with variables(DATABASE_URL=URL):
            for own in self.urls():
                self.assertEqual(conf.database(own)["NAME"], "development")
        with variables(DATABASE_URL=URL, **ON_AWS):
            for own in self.urls():
                database = conf.database(own)
                found = [database[name] for name in ("ENGINE", "HOST", "NAME", "CONN_MAX_AGE", "OPTIONS")]
                self.assertEqual(found, ["wagrun.database", "db.example.org", "site", 0, {"sslmode": "verify-full"}])

    def test_a_url_can_name_the_engine_and_iam(self):
        url = "postgres://web@db.example.org/site?sslmode=verify-full&iam_region=eu-central-1"
        with variables(DATABASE_URL=url):
            for database in self.urls(engine="wagrun.database"):
                self.assertEqual(database["ENGINE"], "wagrun.database")
                self.assertEqual(database["OPTIONS"], {"sslmode": "verify-full", "iam_region": "eu-central-1"})


class WebTest(TestCase):
    def test_a_bucket_takes_the_place_of_the_site_s_storage(self):
        own = {"BACKEND": "site.Storage", "OPTIONS": {"a": 1}}
        with variables():
            self.assertEqual(conf.storage(own), own)
            self.assertEqual(conf.storage(), {"BACKEND": "django.core.files.storage.FileSystemStorage"})
        with variables(MEDIA_BUCKET="media", AWS_REGION="eu-central-1"):
            options = {"bucket_name": "media", "region_name": "eu-central-1"}
            self.assertEqual(conf.storage(own), {"BACKEND": "wagrun.media.MediaStorage", "OPTIONS": options})
        with variables(MEDIA_BUCKET="media"), self.assertRaisesRegex(ImproperlyConfigured, "AWS_REGION"):
            conf.storage(own)

    def test_names_of_the_environment_are_added(self):
        with variables(ALLOWED_HOSTS=".eu-central-1.awsapprunner.com, example.org,"):
            self.assertEqual(conf.allowed_hosts(["example.org"]), ["example.org", ".eu-central-1.awsapprunner.com"])
        with variables():
            self.assertEqual(conf.allowed_hosts(["example.org"]), ["example.org"])

    def test_the_site_s_own_address_decides_about_https(self):
        for url, https in (("https://www.example.org/", True), ("http://127.0.0.1:8000", False)):
            with variables(SITE_URL=url):
                self.assertEqual((conf.https(debug=True), conf.site_url()), (https, url.rstrip("/")))

    def test_without_an_address_a_site_on_aws_is_https_and_a_developer_s_is_not(self):
        with variables(**ON_AWS):
            self.assertEqual((conf.https(), conf.https(debug=True), conf.site_url()), (True, False, None))
        with variables():
            self.assertEqual((conf.https(), conf.https(debug=True)), (False, False))
