"""Runs Python engines in child processes.

A library that hangs can only be ended with its process, and one that crashes takes its process
with it. So local engines run in children, which are kept warm between receipts, killed at the
deadline, and end when the server ends, however that happens.
"""

import atexit
import importlib
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from result import ProviderError

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
SERVE = "import sys; from engines import process; process.serve(int(sys.argv[1]), sys.argv[2])"
TIMEOUT = (
    "the engine did not finish within OCR_TIMEOUT_S; send a smaller image or raise OCR_TIMEOUT_S"
)
NICENESS = 10  # the API answers at once while every core reads
THREADS = {name: "1" for name in ("OMP_THREAD_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


class Child:
    """One warm engine process; used by one thread at a time."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.connection, theirs = Pipe()
        self.scratch = tempfile.mkdtemp(prefix="receipt-ocr-")  # a killed engine cleans up nothing
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(theirs.fileno()), self.scratch],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a library prints goes where the server logs
                env={**environ, **THREADS, "PYTHONPATH": str(ROOT), "TMPDIR": self.scratch},
                start_new_session=True,  # Ctrl-C is not for it, and its group can be killed whole
            )

    def ask(self, question: tuple[Any, ...], deadline: float) -> tuple[str, Any]:
        """The child's answer. Raises TimeoutError at the deadline, EOFError when the child died."""
        self.connection.send(question)
        if not self.connection.poll(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        answer: tuple[str, Any] = self.connection.recv()
        return answer

    def kill(self) -> int:
        """End the child and everything it started; the exit status it had or got."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.connection.close()
        status = self.process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)
        return status


_idle: dict[str, list[Child]] = defaultdict(list)
_lock = threading.Lock()


def run(module: str, function: str, *args: Any, deadline: float) -> Any:
    """`module.function(*args)`, called in a child of its own kind.

    Raises the ProviderError the function raised, or one coded `timeout` or `engine_crashed`.
    """
    child = _idle_child(module) or Child(os.environ)
    try:
        kind, answer = child.ask((module, function, args), deadline)
    except TimeoutError as error:
        child.kill()
        raise ProviderError("timeout", TIMEOUT) from error
    except (EOFError, OSError) as error:
        message = f"the engine's process died (exit status {child.kill()}); try another provider"
        raise ProviderError("engine_crashed", message) from error
    except BaseException:
        child.kill()
        raise
    with _lock:
        _idle[module].append(child)
    if kind == "refused":
        raise ProviderError(*answer)
    if kind == "failed":
        raise RuntimeError(answer)
    return answer


def _idle_child(module: str) -> Child | None:
    with _lock:
        child = _idle[module].pop() if _idle[module] else None
    if child and child.process.poll() is not None:  # killed while idle, for its memory for example
        child.kill()
        return None
    return child


@atexit.register
def stop() -> None:
    """End the idle children; busy ones end with this process."""
    with _lock:
        children = [child for kind in _idle.values() for child in kind]
        _idle.clear()
    for child in children:
        child.kill()


def serve(descriptor: int, scratch: str) -> None:
    """The child's main loop: answer questions until the server is gone."""
    os.nice(NICENESS)
    connection = Connection(descriptor)
    questions: queue.Queue[tuple[Any, ...]] = queue.Queue()
    threading.Thread(target=_listen, args=(connection, questions, scratch), daemon=True).start()
    while True:
        connection.send(_answer(*questions.get()))


def _listen(
    connection: Connection, questions: "queue.Queue[tuple[Any, ...]]", scratch: str
) -> None:
    """Queue questions; the end of the pipe means that the server is gone."""
    try:
        while True:
            questions.put(connection.recv())
    except (EOFError, OSError):
        shutil.rmtree(scratch, ignore_errors=True)  # it may contain a page of the receipt
        os.killpg(0, signal.SIGKILL)


def _answer(module: str, function: str, args: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        return "done", getattr(importlib.import_module(module), function)(*args)
    except ProviderError as error:
        return "refused", (error.code, error.message)
    except Exception:
        return "failed", traceback.format_exc()
