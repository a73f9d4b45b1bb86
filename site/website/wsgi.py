"""The application that gunicorn serves."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "website.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from wagrun.environment import required

for name in settings.REQUIRED_TO_SERVE:
    required(name)

application = get_wsgi_application()
