"""The site's own settings, changed for the demo: nothing of the site's own is written to, and this machine may ask for pages."""

import importlib
import os

_own = importlib.import_module(os.environ["WAGRUN_DEMO_SETTINGS"])
globals().update({name: getattr(_own, name) for name in dir(_own) if name.isupper()})

# Uploads of the demo are its own, and an image that an editor deletes there is not deleted from the site's directory or bucket.
MEDIA_ROOT = os.environ["WAGRUN_DEMO_MEDIA"]
_FILES = "django.core.files.storage.FileSystemStorage"
_STATIC = "django.contrib.staticfiles.storage.StaticFilesStorage"
_settings = globals()
if "STORAGES" in _settings:
    STORAGES = {**_settings["STORAGES"], "default": {"BACKEND": _FILES}, "staticfiles": {"BACKEND": _STATIC}}
else:
    # Django 4.2 refuses these beside STORAGES.
    if "DEFAULT_FILE_STORAGE" in _settings:
        DEFAULT_FILE_STORAGE = _FILES
    if "STATICFILES_STORAGE" in _settings:
        STATICFILES_STORAGE = _STATIC

# Settings of production answer no plain HTTP on this machine.
ALLOWED_HOSTS = [*_settings.get("ALLOWED_HOSTS", []), "127.0.0.1", "localhost"]
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = False
