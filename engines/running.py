"""Lets one thread end what another does for an execution: its child process, or its call."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from result import ProviderError

_lock = threading.Lock()  # a request goes out, or its execution is cancelled: never both


class Billed(Exception):
    """An execution cannot be cancelled: the vendor of this name may have been paid for it."""


class Running:
    """An execution under way in a thread."""

    def __init__(self, execution_id: int | None = None) -> None:
        self.execution_id = execution_id
        self.is_cancelled = False
        self.paid_vendor = ""  # that has its request, and may charge for it
        self.end: Callable[[], None] | None = None  # ends what the thread waits for


current = ContextVar("current", default=Running())  # noqa: B039 # of threads without an execution


def cancel(runs: Iterable[Running]) -> None:
    """End all of these. Raises Billed, and ends none, where one of them may have cost money."""
    runs = list(runs)
    with _lock:
        for run in runs:
            if run.paid_vendor:
                raise Billed(run.paid_vendor)
        for run in runs:
            run.is_cancelled = True
            if run.end:
                run.end()


@contextmanager
def ended_by(end: Callable[[], None]) -> Iterator[None]:
    """While the body waits, a cancellation calls `end`. Raises ProviderError if it came before."""
    run = current.get()
    with _lock:
        _check(run)
        run.end = end
    try:
        yield
    finally:
        with _lock:
            run.end = None


def begin_request(paid_vendor: str) -> None:
    """Note that a request goes out, to a vendor of this name that may charge for it, "" for none.

    Raises ProviderError where the execution is cancelled.
    """
    run = current.get()
    with _lock:
        _check(run)
        run.paid_vendor = paid_vendor


def _check(run: Running) -> None:
    if run.is_cancelled:
        raise ProviderError("engine_crashed", "the execution was cancelled; start it again")
