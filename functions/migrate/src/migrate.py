"""
Applies Django's migrations, as `manage.py migrate --no-input` does. The function migrate runs this code in
`manage.py shell`, in one process with discover.py: when no migration is new, loading Django and Wagtail takes longer than
both.

Prints `WAGRUN-APPLIED blog.0002_author` for each migration that it has applied, and `WAGRUN-MIGRATED` after the last.
Django's own line about a migration is not used, because output of the migration itself may stand in the middle of it.
"""

from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor

apply_migration = MigrationExecutor.apply_migration


def apply_and_report(executor, state, migration, *args, **kwargs):
    state = apply_migration(executor, state, migration, *args, **kwargs)
    print(f"\nWAGRUN-APPLIED {migration.app_label}.{migration.name}", flush=True)
    return state


MigrationExecutor.apply_migration = apply_and_report

call_command("migrate", interactive=False, no_color=True, skip_checks=False)
print("\nWAGRUN-MIGRATED", flush=True)
