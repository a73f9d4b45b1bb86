"""
Applies Django's migrations, as `manage.py migrate --no-input` does. migrate feeds this to `manage.py shell` together with
discover.py, because loading Django and Wagtail takes longer than either has to do when nothing is new.

Prints `WAGRUN-APPLIED blog.0002_author` for each migration that it has applied, because Django's own line about it is torn
apart when the migration prints something itself, and `WAGRUN-MIGRATED` when all are.
"""

from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor

apply_migration = MigrationExecutor.apply_migration


def apply_and_say(executor, state, migration, *args, **kwargs):
    state = apply_migration(executor, state, migration, *args, **kwargs)
    print(f"\nWAGRUN-APPLIED {migration.app_label}.{migration.name}", flush=True)
    return state


MigrationExecutor.apply_migration = apply_and_say

call_command("migrate", interactive=False, no_color=True, skip_checks=False)
print("\nWAGRUN-MIGRATED", flush=True)
