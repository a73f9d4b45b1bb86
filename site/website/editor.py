"""Tells the database who is editing, so that an event can name its editor even where no row of the change does."""

from django.db import connection

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class EditorMiddleware:
    """Sets wagrun.editor for the request's own connection, which CONN_MAX_AGE=0 closes at its end."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method not in SAFE_METHODS and request.user.is_authenticated:
            with connection.cursor() as cursor:
                cursor.execute("select set_config('wagrun.editor', %s, false)", [str(request.user.pk)])
        return self.get_response(request)
