"""System checks: what would keep the database awake, or break on AWS. README.md has the table of their ids.

All are warnings, because `manage.py migrate` refuses to work after an error, and each of these lets it work. Those that
only make sense with the settings of production run with `manage.py check --deploy`.
"""

from django.core.checks import register

from wagrun.checks import background, database, uploads, web

TAG = "wagrun"

for check in (
    database.connections_end,
    database.authorities_are_known,
    database.tokens_are_safe,
    database.environment_is_used,
    web.middleware_is_first,
    web.health_is_free,
    web.names_are_used,
    background.cache_is_elsewhere,
    background.sessions_are_rare,
    background.nothing_polls,
    uploads.bucket_is_used,
):
    register(check, TAG)
for check in (database.engine_waits, web.scheme_is_known, uploads.files_are_kept):
    register(check, TAG, deploy=True)
