"""Tells the database the name of the editor, so an event can name its editor even if no changed row does."""

from django.db import connection

SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class EditorMiddleware:
    """Sets wagrun.editor on the connection of the request, which CONN_MAX_AGE=0 closes at the end of the
    request.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.method not in SAFE_METHODS and request.user.is_authenticated:
            with connection.cursor() as cursor:
                cursor.execute("select set_config('wagrun.editor', %s, false)", [str(request.user.pk)])
        return self.get_response(request)
