"""The site's settings, each from one environment variable (README.md has the table)."""

from pathlib import Path

from website.environment import boolean, comma_list, optional, required

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = boolean("DEBUG", default=False)

# What only the web service needs is checked in wsgi.py: management commands (`migrate` runs them in a function of its
# own) then start without a secret that they have no use for. Django itself refuses to use an empty SECRET_KEY.
REQUIRED_TO_SERVE = ("SECRET_KEY", "ALLOWED_HOSTS")
SECRET_KEY = optional("SECRET_KEY", "")
ALLOWED_HOSTS = comma_list("ALLOWED_HOSTS")
# Without it, Wagtail takes the address of the request: a platform names its services after their variables are set.
WAGTAILADMIN_BASE_URL = optional("SITE_URL", "").rstrip("/") or None

# The load balancer ends TLS and says so in this header, which it overwrites on every request.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = comma_list("CSRF_TRUSTED_ORIGINS")
# Only a site that says it is on plain http, such as the local stack's, has its cookies go over it.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not (WAGTAILADMIN_BASE_URL or "").startswith("http://")

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
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
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

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": required("DATABASE_HOST"),
        "PORT": optional("DATABASE_PORT", "5432"),
        "NAME": required("DATABASE_NAME"),
        "USER": required("DATABASE_USER"),
        "PASSWORD": optional("DATABASE_PASSWORD", ""),
        # Any open connection keeps the database from pausing, so none outlives its request, and there is no pool.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            # A paused database takes about fifteen seconds to wake.
            "connect_timeout": 30,
            "sslmode": optional("DATABASE_SSL_MODE", "verify-full"),
        },
    }
}
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
# Also from S3, documents come through the view that checks who may have them.
WAGTAILDOCS_SERVE_METHOD = "serve_view"
STORAGES = {
    "default": {
        "BACKEND": "website.media.MediaStorage",
        "OPTIONS": {
            "bucket_name": MEDIA_BUCKET,
            # Newer regions take this kind of signature only.
            "region_name": optional("AWS_DEFAULT_REGION"),
            "signature_version": "s3v4",
            # With the region in the host's name; a new bucket outside us-east-1 is not found for hours without it.
            "addressing_style": "virtual",
            # A second upload of the same name gets another name, as on a disk.
            "file_overwrite": False,
        },
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
        # Search index and references: two lines for each of several tasks a save.
        "django_tasks": {"level": "WARNING"},
    },
}

WAGTAIL_SITE_NAME = "Website"
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "wagtail.search.backends.database"}}
WAGTAILDOCS_EXTENSIONS = ["csv", "docx", "key", "odt", "pdf", "pptx", "rtf", "txt", "xlsx", "zip"]
# The admin would otherwise ask wagtail.org for the newest version from every editor's browser.
WAGTAIL_ENABLE_UPDATE_CHECK = False
