"""The site's settings, each from one environment variable (README.md has the table)."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from website.environment import boolean, comma_list, one_of, optional, required

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = boolean("DEBUG", default=False)

# What only the web service needs is checked in wsgi.py: management commands (`migrate` runs them in a function of its
# own) then start without a secret that they have no use for. Django itself refuses to use an empty SECRET_KEY.
REQUIRED_TO_SERVE = ("SECRET_KEY", "ALLOWED_HOSTS")
SECRET_KEY = optional("SECRET_KEY", "")
ALLOWED_HOSTS = comma_list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = comma_list("CSRF_TRUSTED_ORIGINS")

# A platform makes up the site's name when it creates the service, too late to be told to it; then SITE_URL is absent,
# and so must be Wagtail's setting, which counts as known when it is there at all.
SITE_URL = optional("SITE_URL", "").rstrip("/")
if SITE_URL:
    WAGTAILADMIN_BASE_URL = SITE_URL
# Following the site's own scheme lets the local stack log in over plain http.
HTTPS = SITE_URL.startswith("https://") if SITE_URL else not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS

INSTALLED_APPS = [
    "home",
    "blog",
    "search",
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    # Before staticfiles, so that `runserver` leaves static files to WhiteNoise as gunicorn does.
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "website.health.HealthMiddleware",
    *(["website.https.HttpsMiddleware"] if HTTPS else []),
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "website.editor.EditorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wagtail.contrib.redirects.middleware.RedirectMiddleware",
]

ROOT_URLCONF = "website.urls"
WSGI_APPLICATION = "website.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "website" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Where the server trusts the address, as a local one does, "none" needs no password either.
DATABASE_AUTH = one_of("DATABASE_AUTH", ("none", "iam"), "none")
DATABASES = {
    "default": {
        "ENGINE": "website.database",
        "HOST": required("DATABASE_HOST"),
        "PORT": optional("DATABASE_PORT", "5432"),
        "NAME": required("DATABASE_NAME"),
        "USER": required("DATABASE_USER"),
        "PASSWORD": optional("DATABASE_PASSWORD", ""),
        # Any open connection keeps the database from pausing, so none outlives its request, and there is no pool.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "sslmode": optional("DATABASE_SSL_MODE", "verify-full"),
        },
    }
}
if DATABASE_AUTH == "iam":
    if DATABASES["default"]["OPTIONS"]["sslmode"] != "verify-full":
        # A token lets whoever reads it in for a quarter of an hour.
        raise ImproperlyConfigured("DATABASE_AUTH=iam needs DATABASE_SSL_MODE=verify-full")
    DATABASES["default"]["OPTIONS"]["iam_region"] = required("AWS_REGION")
# With a bundle libpq verifies for `require` too, which is meant for a server whose authority the image does not know.
ca_bundle = optional("DATABASE_CA_BUNDLE")
if ca_bundle and DATABASES["default"]["OPTIONS"]["sslmode"].startswith("verify-"):
    DATABASES["default"]["OPTIONS"]["sslrootcert"] = ca_bundle
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
WAGTAIL_CONTENT_LANGUAGES = LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / ".collected"
STATICFILES_DIRS = [BASE_DIR / "website" / "static"]
# With DEBUG, WhiteNoise serves from the apps' own folders, and nothing has to be collected first.
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_URL = "/media/"
MEDIA_ROOT = optional("MEDIA_ROOT", BASE_DIR / "media")
MEDIA_BUCKET = optional("MEDIA_BUCKET")
STORAGES = {
    "default": {
        "BACKEND": "website.media.MediaStorage",
        "OPTIONS": {"bucket_name": MEDIA_BUCKET, "region_name": required("AWS_REGION")},
    }
    if MEDIA_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# A page with many StreamField blocks passes Django's default of 1000 fields.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# The platform collects standard output; the default also mails errors to ADMINS, and is silent without DEBUG.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{levelname} {name}: {message}", "style": "{"}},
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "line",
        }
    },
    "root": {"handlers": ["stdout"], "level": optional("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        # "Found credentials", in every process.
        "botocore": {"level": "WARNING"},
        # Search index and references: two lines for each of several tasks a save.
        "django_tasks": {"level": "WARNING"},
    },
}

WAGTAIL_SITE_NAME = "Website"
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "wagtail.search.backends.database"}}
WAGTAILDOCS_EXTENSIONS = ["csv", "docx", "key", "odt", "pdf", "pptx", "rtf", "txt", "xlsx", "zip"]
# The admin would otherwise ask wagtail.org for the newest version from every editor's browser.
WAGTAIL_ENABLE_UPDATE_CHECK = False
