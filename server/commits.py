"""How do many write to one database? In turn, and those who come together share one commit.

SQLite takes one writer at a time and makes each commit durable with an fsync. Whoever gets the turn
writes for all who wait, so that sixteen uploads at once cost little more than one.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar

T = TypeVar("T")
Step = Callable[[sqlite3.Connection, ExitStack], T]


class _Write:
    """A step that waits to be committed, and how that went."""

    def __init__(self, step: Step[Any]) -> None:
        self.step = step
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = False


class Commits:
    """The commits of one process to one database; `before` is called ahead of each."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self._before = before
        self._waiting: deque[_Write] = deque()
        self._turn = threading.Lock()

    def write(self, connection: sqlite3.Connection, step: Step[T]) -> T:
        """What `step` returned, when it is durable.

        It gets a connection, this one or that of whoever had the turn, and an ExitStack: what is
        entered there is left after the commit, with the error if there was one. A step that raises
        undoes nobody's work but its own; a commit that fails does so for all in it.
        """
        write = _Write(step)
        self._waiting.append(write)
        with self._turn:
            if not write.done:
                self._commit(
                    connection, [self._waiting.popleft() for _ in range(len(self._waiting))]
                )
        if write.error:
            raise write.error
        result: T = write.result
        return result

    def _commit(self, connection: sqlite3.Connection, batch: list[_Write]) -> None:
        try:
            with ExitStack() as until_commit:
                connection.execute("BEGIN IMMEDIATE")
                for write in batch:
                    _take(write, connection, until_commit)
                self._before()
                connection.commit()
        except BaseException as error:
            connection.rollback()
            for write in batch:
                write.error = write.error or error
        finally:
            for write in batch:
                write.done = True


def _take(write: _Write, connection: sqlite3.Connection, until_commit: ExitStack) -> None:
    connection.execute("SAVEPOINT step")
    try:
        with ExitStack() as own:
            write.result = write.step(connection, own)
            until_commit.push(own.pop_all())
    except Exception as error:
        write.error = error
        connection.execute("ROLLBACK TO step")
    connection.execute("RELEASE step")
