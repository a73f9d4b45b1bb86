"""The application that gunicorn serves."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "website.settings")

from django.conf import settings
from django.core.files.storage import storages
from django.core.wsgi import get_wsgi_application

from website.environment import required

for name in settings.REQUIRED_TO_SERVE:
    required(name)

# Loads the modules for AWS before gunicorn forks. The workers share their memory, and the first visitor does
# not wait.
storages["default"]
if settings.DATABASE_AUTH == "iam":
    import website.database.iam

application = get_wsgi_application()
