"""Views that answer with the statement that the database would get: sync, async, and one that logs in."""

import asyncio

from django.contrib.auth import login
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import include, path
from tests.shop.models import User
from wagrun.editor import name_editor

INSERT = "INSERT INTO note VALUES (%s)"


def sent(sql=INSERT):
    """Returns the statement that reaches the database."""
    return name_editor(lambda sql, params, many, context: sql, sql, (), False, {})


def write(request):
    return HttpResponse(sent())


async def write_async(request):
    # Another request may come meanwhile.
    await asyncio.sleep(0.01)
    return HttpResponse(sent())


def stream(request):
    return StreamingHttpResponse(sent() for _ in range(1))


def fail(request):
    raise ValueError(sent())


def log_in(request):
    login(request, User.objects.get())
    return HttpResponse(sent())


urlpatterns = [
    path("write/", write),
    path("write-async/", write_async),
    path("stream/", stream),
    path("fail/", fail),
    path("log-in/", log_in),
    path("", include("wagtail.urls")),
]
