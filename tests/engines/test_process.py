"""An engine that hangs, dies or prints harms nothing but itself."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engines import process
from result import ProviderError
from tests.conftest import ROOT
from tests.fakes import until

MODULE = "tests.engines.misbehaving"


def run(function, *args, seconds=20, **limits):
    return process.run(MODULE, function, *args, deadline=time.monotonic() + seconds, **limits)


def gone(pid):
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def told(path):
    """(process ids, scratch directory) of a hanging engine."""
    child, grandchild, scratch = until(lambda: path.exists() and path.read_text()).split()
    return (int(child), int(grandchild)), Path(scratch)


def test_an_engine_is_kept_warm_in_a_process_of_its_own():
    first = run("process")
    assert first != os.getpid()
    assert run("process") == first


@pytest.mark.slow
def test_an_engine_warmed_before_is_the_one_that_is_asked(tmp_path):
    process.stop()
    process.warm(MODULE, "note", tmp_path / "pid")
    assert run("process") == int((tmp_path / "pid").read_text())


def test_what_warming_raises_is_no_answer():
    process.stop()
    process.warm(MODULE, "refuse_later")
    first = run("process")
    assert (run("process"), first > 0) == (first, True)


def test_an_engine_unused_for_long_is_ended():
    pid = run("process")
    process.end_unused(60)
    assert run("process") == pid
    process.end_unused(0)
    assert gone(pid) and run("process") != pid


def test_engines_asked_at_once_have_a_process_each(tmp_path):
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    with ThreadPoolExecutor(2) as pool:
        pids = set(pool.map(lambda pair: run("meet", *pair), [(one, other), (other, one)]))
    assert len(pids) == 2


def test_the_deadline_ends_an_engine_with_all_it_started_and_wrote(tmp_path):
    started = time.monotonic()
    with pytest.raises(ProviderError) as found:
        run("hang", str(tmp_path / "told"), seconds=3)
    assert time.monotonic() - started < 30
    assert found.value.code == "timeout"
    assert "OCR_TIMEOUT_S" in found.value.message
    pids, scratch = told(tmp_path / "told")
    until(lambda: all(gone(pid) for pid in pids))
    assert not scratch.exists()
    assert run("process") not in pids


@pytest.mark.parametrize(
    ("function", "args", "status"),
    [
        ("leave", [7], "7"),
        ("give_up", [], "3"),
        ("segfault", [], str(-signal.SIGSEGV)),
        ("cannot_be_sent", [], "1"),
    ],
)
def test_an_engine_that_dies_is_told_with_its_status_and_replaced(function, args, status):
    before = run("process")
    with pytest.raises(ProviderError) as found:
        run(function, *args)
    assert found.value.code == "engine_crashed"
    assert f"exit status {status})" in found.value.message
    assert run("process") != before
    assert gone(before)


@pytest.mark.slow
def test_an_engine_that_was_killed_while_idle_is_replaced_unnoticed():
    for _ in range(20):  # each time it may not have ended yet when it is asked
        before = run("process")
        os.kill(before, signal.SIGKILL)
        assert run("process") != before


def test_engines_that_were_all_killed_while_idle_are_replaced_by_one():
    with ThreadPoolExecutor(3) as threads:
        before = set(threads.map(lambda _: run("process"), range(3)))
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert run("process") not in before


def test_what_an_engine_refuses_is_passed_on_and_what_is_a_bug_is_one():
    before = run("process")
    with pytest.raises(ProviderError) as refused:
        run("refuse")
    assert (refused.value.code, refused.value.message) == ("bad_image", "page 2 is damaged")
    with pytest.raises(RuntimeError, match="a bug of the library"):
        run("fail")
    with pytest.raises(RuntimeError, match="no_such_function"):
        run("no_such_function")
    assert run("process") == before


@pytest.mark.slow
def test_what_a_library_prints_does_not_disturb_the_answer(capfd):
    process.stop()  # the next child takes over this test's standard error
    assert run("chatter") == "the answer"
    assert run("chatter") == "the answer"
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "binary noise" in printed.err
    process.stop()


@pytest.mark.parametrize("engine", ["engines.paddle", "engines.tesseract", "engines.llama"])
def test_a_child_holds_no_more_than_its_engine_and_30_mib_before_that_loads_its_library(engine):
    process.stop()
    modules, resident_bytes = run("loaded", engine)
    assert engine in modules
    foreign = {"flask", "werkzeug", "requests", "fields", "providers", "server", "db", "sqlite3"}
    assert {name.partition(".")[0] for name in modules} & foreign == set()
    assert resident_bytes <= 30 * 2**20
    process.stop()


@pytest.mark.parametrize("function", ["fill_memory", "fill_memory_and_die"])
def test_an_engine_over_its_memory_limit_is_told_so_and_replaced(function):
    with pytest.raises(ProviderError) as found:
        run(function, memory_mb=200)
    assert found.value.code == "too_large"
    assert "OCR_MEMORY_MB allows (200)" in found.value.message
    assert run("process", memory_mb=200) != run("process")


def test_what_an_engine_starts_has_the_same_limit():
    assert run("limit_of_a_grandchild", memory_mb=200).split()[-3:-1] == [str(200 * 2**20)] * 2


def test_answers_of_any_size_arrive():
    assert len(run("large", 20_000_000)) == 20_000_000


def test_engines_use_one_thread_each_so_that_workers_do_not_fight():
    for name in ("OMP_THREAD_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        assert run("environment", name) == "1"


def server(code, *arguments):
    """A process that runs engines and stays."""
    code = f"import sys, time, threading; from engines import process\n{code}"
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT)


def test_engines_at_work_and_idle_are_gone_when_the_server_is_killed(tmp_path):
    code = f"""
def run(*args): return process.run({MODULE!r}, *args, deadline=time.monotonic() + 60)
threading.Thread(target=run, args=("hang", sys.argv[1])).start()
while not __import__("os").path.exists(sys.argv[1]): time.sleep(0.01)
open(sys.argv[2], "w").write(str(run("process")))
"""
    process = server(code, str(tmp_path / "told"), str(tmp_path / "idle"))
    pids, scratch = told(tmp_path / "told")
    idle = int(until(lambda: (tmp_path / "idle").exists() and (tmp_path / "idle").read_text()))
    process.kill()
    process.wait()
    until(lambda: all(gone(pid) for pid in (*pids, idle)))
    assert not scratch.exists()


def test_idle_engines_are_gone_after_an_orderly_end(tmp_path):
    code = f"pid = process.run({MODULE!r}, 'process', deadline=time.monotonic() + 60)"
    process = server(f"{code}\nopen(sys.argv[1], 'w').write(str(pid))", str(tmp_path / "idle"))
    assert process.wait(60) == 0
    assert gone(int((tmp_path / "idle").read_text()))
