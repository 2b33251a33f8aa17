"""Lets one thread end what another one does for an execution: its child process, or its call."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from result import ProviderError

_lock = threading.Lock()  # a call is either counted as sent or cancelled, never both


class Running:
    """An execution under way in a thread."""

    def __init__(self) -> None:
        self.is_cancelled = False
        self.is_billed = False  # a vendor has its request, or may have
        self.end: Callable[[], None] | None = None  # ends what the thread waits for


current = ContextVar("current", default=Running())  # noqa: B039 # of threads that run no execution


def cancel(runs: Iterable[Running]) -> bool:
    """End all of these; False, and none is ended, where a vendor may have been paid for one."""
    runs = list(runs)
    with _lock:
        if any(run.is_billed for run in runs):
            return False
        for run in runs:
            run.is_cancelled = True
            if run.end:
                run.end()
    return True


@contextmanager
def ended_by(end: Callable[[], None]) -> Iterator[None]:
    """While the body waits, cancelling this thread's execution calls `end`.

    Raises ProviderError where it is cancelled already.
    """
    run = current.get()
    with _lock:
        _check(run)
        run.end = end
    try:
        yield
    finally:
        with _lock:
            run.end = None


def bill() -> None:
    """Note that a request which costs money goes out now. Raises ProviderError if cancelled."""
    run = current.get()
    with _lock:
        _check(run)
        run.is_billed = True


def _check(run: Running) -> None:
    if run.is_cancelled:
        raise ProviderError("engine_crashed", "the execution was cancelled; start it again")
