"""Names the editor in every statement that writes, so that an event can name its editor even if no changed row does.

The name is a comment of the statement. So it cannot outlive its request, whatever keeps the connection open.
"""

import re
from contextvars import ContextVar

from django.db.backends.signals import connection_created

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
# Such a key cannot end the comment, and has no placeholder of the database driver.
KEY = re.compile(r"[A-Za-z0-9@.+_-]{1,80}")

# Each request has its own value, also in an async view. A thread that a view starts has none.
editor = ContextVar("editor", default=None)


def name_editor(execute, sql, params, many, context):
    key = editor.get()
    if key and isinstance(sql, str) and not sql.startswith("SELECT"):
        sql = f"/*wagrun.editor={key}*/ {sql}"
    return execute(sql, params, many, context)


def wrap_statements(connection, **kwargs):
    if name_editor not in connection.execute_wrappers:
        connection.execute_wrappers.append(name_editor)


connection_created.connect(wrap_statements)


class EditorMiddleware:
    """Sets the editor for the duration of a request. It comes after Django's AuthenticationMiddleware."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        key = None
        if request.method not in SAFE_METHODS and request.user.is_authenticated:
            key = str(request.user.pk)
        token = editor.set(key if key and KEY.fullmatch(key) else None)
        try:
            return self.get_response(request)
        finally:
            editor.reset(token)
