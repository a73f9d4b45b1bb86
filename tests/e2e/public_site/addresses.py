"""Prints the full URL of each page, as Wagtail computes it."""

import json
import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
# As in manage.py, the script prefix of the settings counts.
django.setup(set_prefix=True)

from articles.models import Elsewhere  # noqa: E402
from oracle import full_urls  # noqa: E402

elsewhere = set(Elsewhere.objects.values_list("pk", flat=True))
print(json.dumps({pk: url for pk, url in full_urls().items() if pk not in elsewhere}))
