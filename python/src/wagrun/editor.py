"""Names the editor in every statement that writes, so that an event can name its editor even if no changed row does.

The name is a comment of the statement. So it cannot outlive its request, whatever keeps the connection open.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

# Such a key cannot end the comment, and has no placeholder of the database driver.
KEY = re.compile(r"[A-Za-z0-9@.+_-]{1,80}")


class Editor:
    """The editor of one request: the key of a user, or None.

    Whatever has a copy of the request's context shares this object: a thread of an async view, a task that it
    starts. When the request ends, the key is taken away from all of them.
    """

    def __init__(self) -> None:
        self.key: "str | None" = None

    def name(self, key: object) -> None:
        """Names the editor. A key that is no plain text is not named."""
        text = str(key)
        self.key = text if KEY.fullmatch(text) else None


_current: "ContextVar[Editor | None]" = ContextVar("wagrun_editor", default=None)


def begin() -> "tuple[Editor, Editor | None]":
    """Begins a request without an editor. Returns its editor and that of the request around it, if any."""
    editor, outer = Editor(), _current.get()
    _current.set(editor)
    return editor, outer


def end(editor: Editor, outer: "Editor | None") -> None:
    # The outer one is set instead of a token reset, because an async request may end in another copy of its context.
    editor.key = None
    _current.set(outer)


@contextmanager
def editing_as(key: object) -> Iterator[None]:
    """Names the editor of the statements in a block: for commands, tasks, and views that find their user themselves.

    `key` is the primary key of the user.
    """
    editor, outer = begin()
    editor.name(key)
    try:
        yield
    finally:
        end(editor, outer)


def name_editor(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    editor = _current.get()
    if editor and editor.key and isinstance(sql, str) and not sql.startswith("SELECT"):
        sql = f"/*wagrun.editor={editor.key}*/ {sql}"
    return execute(sql, params, many, context)


def wrap_statements(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if connection.vendor == "postgresql" and name_editor not in connection.execute_wrappers:
        connection.execute_wrappers.append(name_editor)


connection_created.connect(wrap_statements)
