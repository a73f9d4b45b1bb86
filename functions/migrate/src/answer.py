"""
Prints what the site's content is. The function migrate runs this code in `manage.py shell`, after the code of
python/src/wagrun/discovery: `url_patterns`, `Discovery` and `discover`. So the site needs no package of wagrun.

The answer is one line of standard output: `WAGRUN-DISCOVERY ` and a JSON object with what `discover` returns, and

    url_patterns   the addresses of pages, as url_patterns.py describes them
    has_superuser  true when there is a superuser who can log in

A line on standard error names each model that is left out for a reason which is not obvious.
"""

import json
import sys

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, connections


def answer():
    discovery = Discovery(connections[DEFAULT_DB_ALIAS], lambda model: ContentType.objects.get_for_model(model).pk)
    found = {
        **discover(discovery),
        "url_patterns": url_patterns(),
        "has_superuser": get_user_model()._default_manager.filter(is_superuser=True, is_active=True).exists(),
    }
    for label, reason in discovery.left_out.items():
        print(f"discover: {label} {reason}: not watched", file=sys.stderr)
    for label in found["url_patterns"]["own_urls"]:
        print(f"url_patterns: {label} computes its URLs itself: its events have no url", file=sys.stderr)
    return found


# The new line ends an unfinished line of the site's start-up code, so that the marker begins its line.
sys.stdout.write(f"\nWAGRUN-DISCOVERY {json.dumps(answer())}\n")
sys.stdout.flush()
