"""The comment that names the editor: it begins each statement of a request that writes, and no other."""

import asyncio
import threading
from types import SimpleNamespace

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db.backends.signals import connection_created
from django.http import HttpResponse
from django.test import AsyncClient, Client, SimpleTestCase, TransactionTestCase
from tests.shop.models import User
from tests.urls import INSERT, sent
from wagrun.editor import editing_as, name_editor
from wagrun.middleware import WagrunMiddleware


def named(key, sql=INSERT):
    return f"/*wagrun.editor={key}*/ {sql}"


class StatementTest(SimpleTestCase):
    def test_a_block_names_its_editor_and_ends(self):
        with editing_as(7):
            self.assertEqual(sent(), named(7))
            with editing_as("a.b@example.org"):
                self.assertEqual(sent(), named("a.b@example.org"))
            self.assertEqual(sent(), named(7))
            self.assertEqual(sent("SELECT 1"), "SELECT 1")
        self.assertEqual(sent(), INSERT)

    def test_it_ends_after_an_error_too(self):
        with self.assertRaises(ValueError), editing_as(7):
            raise ValueError
        self.assertEqual(sent(), INSERT)

    def test_a_key_that_is_no_plain_text_is_not_named(self):
        for key in ["7*/ drop table note; /*", "a b", "100%", "ä", "7\n", "7" * 81, ""]:
            with editing_as(key):
                self.assertEqual(sent(), INSERT, key)

    def test_a_composed_statement_of_psycopg_passes(self):
        with editing_as(7):
            composed = object()
            self.assertIs(sent(composed), composed)

    def test_a_connection_is_wrapped_once_and_only_one_of_postgresql(self):
        for vendor, wrappers in (("postgresql", [name_editor]), ("sqlite", [])):
            connection = SimpleNamespace(vendor=vendor, execute_wrappers=[])
            for _ in range(2):
                connection_created.send(sender=None, connection=connection)
            self.assertEqual(connection.execute_wrappers, wrappers)


class AnonymousTest(SimpleTestCase):
    """A SimpleTestCase forbids every query: the session of somebody without a cookie is not looked up."""

    def test_a_visitor_s_form_names_nobody_and_needs_no_database(self):
        for client in (Client(), Client(headers={"cookie": "other=1"})):
            for path in ("/write/", "/write-async/"):
                self.assertEqual(client.post(path).content.decode(), INSERT)

    def test_so_does_an_async_one(self):
        async def post():
            return [(await AsyncClient().post(path)).content.decode() for path in ("/write/", "/write-async/")]

        self.assertEqual(asyncio.run(post()), [INSERT, INSERT])


class RequestTest(TransactionTestCase):
    """The whole way of a request, with a user model whose key is a UUID."""

    def setUp(self):
        self.user = User.objects.create_user("editor", password="secret")
        self.client = Client(raise_request_exception=False)
        self.client.force_login(self.user)

    def test_a_request_that_writes_names_its_editor(self):
        for path in ("/write/", "/write-async/"):
            for method in ("post", "put", "patch", "delete"):
                with self.subTest(path, method=method):
                    self.assertEqual(getattr(self.client, method)(path).content.decode(), named(self.user.pk))
        self.assertEqual(self.client.get("/write/").content.decode(), INSERT)

    def test_nothing_outlives_its_request(self):
        self.client.post("/write/")
        self.assertEqual(sent(), INSERT)
        with self.assertLogs("django.request"):
            self.assertEqual(self.client.post("/fail/").status_code, 500)
        self.assertEqual(sent(), INSERT)
        stream = self.client.post("/stream/")
        self.assertEqual(b"".join(stream.streaming_content).decode(), INSERT)

    def test_the_log_in_itself_names_nobody_and_the_next_request_does(self):
        client = Client()
        self.assertEqual(client.post("/log-in/").content.decode(), INSERT)
        self.assertEqual(client.post("/write/").content.decode(), named(self.user.pk))

    def test_async_requests_at_once_keep_their_editors(self):
        other = User.objects.create_user("other", password="secret")

        async def write(user):
            client = AsyncClient()
            await sync_to_async(client.force_login)(user)
            answers = []
            for path in ("/write/", "/write-async/") * 3:
                answers.append((await client.post(path)).content.decode())
            return answers

        async def both():
            return await asyncio.gather(write(self.user), write(other))

        self.assertEqual(asyncio.run(both()), [[named(user.pk)] * 6 for user in (self.user, other)])

    def test_an_async_request_does_not_ask_for_the_user_in_the_event_loop(self):
        async def write():
            client = AsyncClient()
            await sync_to_async(client.force_login)(self.user)
            return await client.post("/write-async/")

        try:
            response = asyncio.run(write())
        except SynchronousOnlyOperation as error:
            self.fail(str(error))
        self.assertEqual(response.status_code, 200)


class MiddlewareTest(SimpleTestCase):
    """Views within views, threads and tasks. The user is set by hand, because no database takes part."""

    def request(self, key=7):
        user = SimpleNamespace(pk=key, is_authenticated=True)
        return SimpleNamespace(method="POST", path_info="/", user=user, environ={})

    def serve(self, view, key=7):
        request = self.request(key)

        def inner(request):
            middleware.process_view(request, None, (), {})
            seen.append(view())
            return HttpResponse()

        seen = []
        middleware = WagrunMiddleware(inner)
        middleware(request)
        return seen[0]

    def test_a_request_within_a_request_does_not_end_the_outer_one(self):
        self.assertEqual(self.serve(lambda: [self.serve(sent, 8), sent()]), [named(8), named(7)])

    def test_a_thread_of_the_view_names_nobody(self):
        def in_a_thread():
            seen = []
            thread = threading.Thread(target=lambda: seen.append(sent()))
            thread.start()
            thread.join()
            return seen

        self.assertEqual(self.serve(in_a_thread), [INSERT])

    def test_a_task_that_outlives_its_request_names_nobody(self):
        async def later(ended):
            await ended.wait()
            return sent()

        async def serve():
            ended, tasks = asyncio.Event(), []

            async def view(request):
                middleware.process_view(request, None, (), {})
                tasks.append(asyncio.create_task(later(ended)))
                self.assertEqual(sent(), named(7))
                return HttpResponse()

            middleware = WagrunMiddleware(view)
            await middleware(self.request())
            ended.set()
            return await tasks[0]

        self.assertEqual(asyncio.run(serve()), INSERT)

    def test_a_site_without_users_is_served(self):
        request = SimpleNamespace(method="POST", path_info="/", environ={})
        middleware = WagrunMiddleware(
            lambda request: middleware.process_view(request, None, (), {}) or HttpResponse(sent())
        )
        self.assertEqual(middleware(request).content.decode(), INSERT)
