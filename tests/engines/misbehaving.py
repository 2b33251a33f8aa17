"""What engines can do to a process; each function is run in a child by test_process.py."""

import ctypes
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from result import ProviderError


def process():
    return os.getpid()


def note(path):
    Path(path).write_text(str(os.getpid()))


def refuse_later():
    time.sleep(0.2)
    refuse()


def environment(name):
    return os.environ.get(name)


def loaded(module):
    """The names of the modules of a child that has imported this one, and its memory in bytes."""
    importlib.import_module(module)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return set(sys.modules), pages * os.sysconf("SC_PAGE_SIZE")


def refuse():
    raise ProviderError("bad_image", "page 2 is damaged")


def fail():
    raise ValueError("a bug of the library")


def leave(status):
    os._exit(status)


def give_up():
    sys.exit(3)


def segfault():
    ctypes.string_at(0)


def cannot_be_sent():
    return lambda: None


def chatter():
    print("progress: 100 %")
    os.write(1, b"\0\x80 binary noise \n" * 20_000)
    sys.stderr.write("a warning\n")
    return "the answer"


def fill_memory():
    """Fail as Python and most libraries do when they get no more memory."""
    return [bytes(2**24) for _ in range(1000)]


def fill_memory_and_die():
    """Fail as PDFium does: it takes what it gets, and is ended by a signal."""
    try:
        kept = []
        while True:
            kept.append(b"x" * 2**20)
    except MemoryError:
        os.abort()


def limit_of_a_grandchild():
    lines = subprocess.check_output(["cat", "/proc/self/limits"], text=True).splitlines()
    return next(line for line in lines if line.startswith("Max data size"))


def large(size):
    return "x" * size


def meet(own, other):
    """The process, once the other engine has started as well."""
    Path(own).touch()
    while not Path(other).exists():
        time.sleep(0.01)
    return os.getpid()


def hang(told):
    """Never answer, as a grandchild does not either; both ignore what can be ignored."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    grandchild = subprocess.Popen(["sleep", "600"])
    Path(tempfile.gettempdir(), "page.ppm").write_text("a page of a receipt")
    Path(told).write_text(f"{os.getpid()} {grandchild.pid} {tempfile.gettempdir()}")
    while True:
        time.sleep(600)
