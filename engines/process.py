"""Runs Python engines in child processes.

A library that hangs can only be ended with its process, and one that crashes or takes all memory
takes its process with it. So engines and the decoders of pictures run in children, which have a
memory limit, are kept warm between receipts, killed at the deadline, and end when the server ends,
however that happens.
"""

import atexit
import importlib
import logging
import os
import queue
import re
import resource
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
from typing import Any, NamedTuple

from engines import running
from result import ProviderError

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
SERVE = "import sys; from engines import process; process.serve(*sys.argv[1:])"
TIMEOUT = (
    "the engine did not finish within OCR_TIMEOUT_S; send a smaller image or raise OCR_TIMEOUT_S"
)
BEGUN = ("begun", None)  # a child's first answer to each question
NICENESS = 10  # the API answers at once while every core reads
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
# What libraries other than Python's raise where memory is short (ONNX Runtime, OpenCV, libheif)
NO_MEMORY = re.compile(
    "out of memory|bad.?alloc|(allocat|insufficient).* memory|memory alloc", re.I
)
# One thread for each library. OpenVINO keeps 64 compiled steps: its 1024 reserve 300 MB more, which
# count as memory though little of them is used.
LIBRARIES = {
    **dict.fromkeys(("OMP_THREAD_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
}


class Kind(NamedTuple):
    """What children that can stand in for each other have in common."""

    module: str
    memory_mb: int  # of its process and of each that it starts; 0 for no limit
    niceness: int


class Child:
    """One warm engine process; used by one thread at a time."""

    def __init__(self, environ: Mapping[str, str], kind: Kind) -> None:
        self.kind = kind
        self.connection, theirs = Pipe()
        self.is_warming = False  # it has a question already, whose answer nobody wants
        self.has_begun = False  # to answer the last question
        self.used = time.monotonic()
        self.scratch = tempfile.mkdtemp(prefix="receipt-ocr-")  # a killed engine cleans up nothing
        with theirs:
            args = (theirs.fileno(), self.scratch, kind.memory_mb, kind.niceness)
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, *map(str, args)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a library prints goes where the server logs
                env={**environ, **LIBRARIES, "PYTHONPATH": str(ROOT), "TMPDIR": self.scratch},
                start_new_session=True,  # Ctrl-C is not for it, and its group can be killed whole
            )

    def ask(self, question: tuple[Any, ...], deadline: float) -> tuple[str, Any]:
        """The child's answer. Raises TimeoutError at the deadline, EOFError when the child died."""
        self.has_begun = False
        self.connection.send(question)
        if self.is_warming:
            self._receive(deadline)  # BEGUN
            self._receive(deadline)
            self.is_warming = False
        self.has_begun = self._receive(deadline) == BEGUN
        return self._receive(deadline)

    def _receive(self, deadline: float) -> tuple[str, Any]:
        if not self.connection.poll(max(0.0, deadline - time.monotonic())):
            raise TimeoutError
        answer: tuple[str, Any] = self.connection.recv()
        return answer

    def end(self) -> None:
        """Kill the child and everything it started; its own thread then sees it dead."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def kill(self) -> tuple[int, int]:
        """End the child and clean up; its exit status, and the most bytes of memory it had."""
        self.end()
        self.connection.close()
        most = 0
        if self.process.returncode is None:
            _, status, usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            most = usage.ru_maxrss * MAXRSS_UNIT
        shutil.rmtree(self.scratch, ignore_errors=True)
        return self.process.returncode, most


_idle: dict[Kind, list[Child]] = defaultdict(list)
_lock = threading.Lock()


def run(
    module: str,
    function: str,
    *args: Any,
    deadline: float,
    memory_mb: int = 0,
    niceness: int = NICENESS,
) -> Any:
    """`module.function(*args)`, called in a child of its own kind.

    Raises the ProviderError the function raised, or one coded `timeout`, `too_large` (it needed
    more than memory_mb) or `engine_crashed`; FileNotFoundError where a file among `args` is gone.
    """
    kind = Kind(module, memory_mb, niceness)
    outcome, answer = _asked(kind, (module, function, args), deadline)
    if outcome == "gone":
        raise FileNotFoundError(*answer)
    if outcome == "refused":
        raise ProviderError(*answer)
    if outcome == "failed":
        raise RuntimeError(answer)
    return answer


def _asked(kind: Kind, question: tuple[Any, ...], deadline: float) -> tuple[str, Any]:
    """The outcome and the answer of a child; of another where one was killed while it was idle."""
    with _lock:
        idle = _idle[kind].pop() if _idle[kind] else None
    child = idle or Child(os.environ, kind)
    try:
        with running.ended_by(child.end):
            outcome, answer = child.ask(question, deadline)
    except TimeoutError as error:
        child.kill()
        raise ProviderError("timeout", TIMEOUT) from error
    except (EOFError, OSError) as error:
        death = _death(child)
        if idle and not child.has_begun:  # killed while idle, for its memory for example
            return _asked(kind, question, deadline)
        raise death from error
    except BaseException:
        child.kill()
        raise
    if outcome == "no memory":
        child.kill()  # what is left of the file would be in the way of the next
        raise _no_memory(kind.memory_mb)
    _keep(child)
    return outcome, answer


def warm(module: str, function: str, *args: Any, memory_mb: int = 0) -> None:
    """Begin `module.function(*args)` in a new child; the next `run` of its kind has that child.

    Returns at once. What the function raises is lost, since the next call meets it too.
    """
    child = Child(os.environ, Kind(module, memory_mb, NICENESS))
    child.connection.send((module, function, args))
    child.is_warming = True
    _keep(child)


def _keep(child: Child) -> None:
    """Have the child answer the next question of its kind."""
    child.used = time.monotonic()
    with _lock:
        _idle[child.kind].append(child)


def end_unused(seconds: float) -> None:
    """End the children that have done nothing for so long, to free their memory."""
    limit = time.monotonic() - seconds
    with _lock:
        unused = [child for idle in _idle.values() for child in idle if child.used <= limit]
        for child in unused:
            _idle[child.kind].remove(child)
    for child in unused:
        child.kill()


def _death(child: Child) -> ProviderError:
    """Why a child died.

    One that had half of its memory got no more, since buffers grow by doubling; PDFium ends itself
    with SIGTRAP when it gets none.
    """
    status, most = child.kill()
    memory_mb = child.kind.memory_mb
    if memory_mb and (status == -signal.SIGTRAP or most * 2 >= memory_mb * 2**20):
        return _no_memory(memory_mb)
    message = f"the engine's process died (exit status {status}); try another provider"
    return ProviderError("engine_crashed", message)


def _no_memory(memory_mb: int) -> ProviderError:
    return ProviderError(
        "too_large",
        f"reading it takes more memory than OCR_MEMORY_MB allows ({memory_mb});"
        " send a smaller file or raise OCR_MEMORY_MB",
    )


@atexit.register
def stop() -> None:
    """End the idle children; busy ones end with this process."""
    end_unused(0)


def serve(descriptor: str, scratch: str, memory_mb: str, niceness: str) -> None:
    """The child's main loop: answer questions until the server is gone."""
    os.nice(int(niceness))
    _limit_memory(int(memory_mb) * 2**20)
    connection = Connection(int(descriptor))
    questions: queue.Queue[tuple[Any, ...]] = queue.Queue()
    threading.Thread(target=_listen, args=(connection, questions, scratch), daemon=True).start()
    while True:
        question = questions.get()
        connection.send(BEGUN)
        connection.send(_answer(*question))


def _limit_memory(most: int) -> None:
    """Limit what can be written to, and so not the files that are mapped: libraries and weights."""
    if most:
        with suppress(ValueError, OSError, OverflowError):  # a lower limit holds already
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


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
    except Exception as error:
        if _lacked_memory(error):
            return "no memory", None
        if isinstance(error, ProviderError):
            return "refused", (error.code, error.message)
        if isinstance(error, FileNotFoundError) and str(error.filename) in map(str, args):
            return "gone", (error.errno, error.strerror, str(error.filename))
        return "failed", traceback.format_exc()


def _lacked_memory(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that there is no more memory."""
    while error:
        if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
