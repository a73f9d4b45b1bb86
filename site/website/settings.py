"""The settings of the site. Each comes from one environment variable; README.md has the table."""

from pathlib import Path

from wagrun import conf
from wagrun.environment import boolean, comma_list, optional

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = boolean("DEBUG", default=False)

# wsgi.py checks the variables that only the web service needs. So management commands start without a secret
# that they do not use; `migrate` runs them in its own function. Django itself refuses to use an empty
# SECRET_KEY.
REQUIRED_TO_SERVE = ("SECRET_KEY", "ALLOWED_HOSTS")
SECRET_KEY = optional("SECRET_KEY", "")
ALLOWED_HOSTS = conf.allowed_hosts()
CSRF_TRUSTED_ORIGINS = comma_list("CSRF_TRUSTED_ORIGINS")

# A platform chooses the name of the site when it creates the service, too late for an environment variable.
# Then SITE_URL is absent. Wagtail treats its setting as known if it exists, so the setting must be absent too.
if SITE_URL := conf.site_url():
    WAGTAILADMIN_BASE_URL = SITE_URL
# The scheme of SITE_URL decides, so a log-in to the local stack works over plain http.
WAGRUN_HTTPS = conf.https(DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = WAGRUN_HTTPS

INSTALLED_APPS = [
    "home",
    "blog",
    "search",
    "wagrun",
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
    "wagrun.middleware.WagrunMiddleware",
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

DATABASES = {"default": conf.database()}
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
# With DEBUG, WhiteNoise serves from the folders of the apps, so nothing has to be collected.
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_URL = "/media/"
MEDIA_ROOT = optional("MEDIA_ROOT", BASE_DIR / "media")
STORAGES = {
    "default": conf.storage(),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}

# A page with many StreamField blocks has more than the 1000 fields of Django's default.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000

# The platform collects standard output. The default also mails errors to ADMINS, and logs nothing without
# DEBUG.
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
        # Without this, every process logs "Found credentials".
        "botocore": {"level": "WARNING"},
        # Without this, each save logs two lines for each of several tasks of the search index and the
        # references.
        "django_tasks": {"level": "WARNING"},
    },
}

WAGTAIL_SITE_NAME = "Website"
WAGTAILSEARCH_BACKENDS = {"default": {"BACKEND": "wagtail.search.backends.database"}}
WAGTAILDOCS_EXTENSIONS = ["csv", "docx", "key", "odt", "pdf", "pptx", "rtf", "txt", "xlsx", "zip"]
# Otherwise the browser of every editor asks wagtail.org for the newest version.
WAGTAIL_ENABLE_UPDATE_CHECK = False
