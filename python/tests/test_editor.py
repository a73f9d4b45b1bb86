"""The comment that names the editor: it begins each statement of a request that writes, and no other."""

import asyncio
import threading
from types import SimpleNamespace

from django.db.backends.signals import connection_created
from django.http import StreamingHttpResponse
from django.test import SimpleTestCase

from website.editor import EditorMiddleware, name_editor

INSERT = "INSERT INTO note VALUES (%s)"


def sent(sql=INSERT):
    """Returns the statement that reaches the database."""
    return name_editor(lambda sql, params, many, context: sql, sql, (), False, {})


def request(key=7, method="POST"):
    return SimpleNamespace(method=method, user=SimpleNamespace(pk=key, is_authenticated=key is not None))


class EditorTest(SimpleTestCase):
    def answer(self, *arguments, view=lambda _: sent()):
        return EditorMiddleware(view)(request(*arguments))

    def test_a_statement_of_a_request_that_writes_names_the_editor(self):
        self.assertEqual(self.answer(), "/*wagrun.editor=7*/ " + INSERT)
        self.assertEqual(self.answer("a.b@example.org"), "/*wagrun.editor=a.b@example.org*/ " + INSERT)

    def test_other_statements_stay_as_they_are(self):
        self.assertEqual(sent(), INSERT)
        self.assertEqual(self.answer(None), INSERT)
        self.assertEqual(self.answer(7, "GET"), INSERT)
        self.assertEqual(self.answer(view=lambda _: sent("SELECT 1")), "SELECT 1")

    def test_a_key_that_is_no_plain_text_is_not_named(self):
        for key in ["7*/ drop table note; /*", "a b", "100%", "ä", "7\n", "7" * 81, ""]:
            self.assertEqual(self.answer(key), INSERT, key)

    def test_nothing_outlives_its_request(self):
        def fail(_):
            raise ValueError

        with self.assertRaises(ValueError):
            self.answer(view=fail)
        self.assertEqual(sent(), INSERT)

        stream = self.answer(view=lambda _: StreamingHttpResponse(sent() for _ in range(1)))
        self.assertEqual(next(stream.streaming_content), INSERT.encode())

    def test_a_request_within_a_request_does_not_end_the_outer_one(self):
        def view(_):
            return [self.answer(8), sent()]

        self.assertEqual(self.answer(view=view), [f"/*wagrun.editor={key}*/ {INSERT}" for key in (8, 7)])

    def test_other_threads_and_tasks_have_their_own_editor(self):
        seen = []

        def view(_):
            thread = threading.Thread(target=lambda: seen.append(sent()))
            thread.start()
            thread.join()
            return sent()

        self.answer(view=view)
        self.assertEqual(seen, [INSERT])

        async def serve(key):
            def view(_):
                return asyncio.sleep(0)

            await EditorMiddleware(view)(request(key))
            return self.answer(key)

        async def both():
            return await asyncio.gather(serve(1), serve(2))

        self.assertEqual(asyncio.run(both()), [f"/*wagrun.editor={key}*/ {INSERT}" for key in (1, 2)])

    def test_a_connection_is_wrapped_once(self):
        connection = SimpleNamespace(execute_wrappers=[])
        for _ in range(2):
            connection_created.send(sender=None, connection=connection)
        self.assertEqual(connection.execute_wrappers, [name_editor])
