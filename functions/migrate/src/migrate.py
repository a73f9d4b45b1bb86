"""
Applies Django's migrations, as `manage.py migrate --no-input` does. migrate feeds this to `manage.py shell` together with
discover.py, because loading Django and Wagtail takes longer than either has to do when nothing is new.

Prints `WAGRUN-MIGRATED` when all are applied.
"""

from django.core.management import call_command

call_command("migrate", interactive=False, no_color=True, skip_checks=False)
print("\nWAGRUN-MIGRATED", flush=True)
