"""Every package is pinned exactly, those that packages bring along too."""

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

KINDS = (
    "requirements",
    "requirements-dev",
    "requirements-llama",
    "requirements-openvino",
    "constraints",
)
FILES = tuple(f"{kind}.txt" for kind in KINDS)


def lines(name):
    """The requirements of a file, without comments and references to other files."""
    text = [line.partition(" #")[0].strip() for line in Path(name).read_text().splitlines()]
    return [Requirement(line) for line in text if line and not line.startswith(("#", "-"))]


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_names_one_version(name):
    for requirement in lines(name):
        assert re.fullmatch(r"==[0-9][\w.]*", str(requirement.specifier)), requirement


def closure(requirements):
    """The canonical names of all that these bring along, and their own."""
    names, todo = set(), list(requirements)
    while todo:
        requirement = todo.pop()
        extras = [{"extra": extra} for extra in requirement.extras or ("",)]
        name = canonicalize_name(requirement.name)
        if requirement.marker and not any(requirement.marker.evaluate(e) for e in extras):
            continue
        if name not in names:
            names.add(name)
            try:
                children = [Requirement(line) for line in requires(name) or ()]
            except PackageNotFoundError:
                continue
            todo += [
                c for c in children if not c.marker or any(c.marker.evaluate(e) for e in extras)
            ]
    return names


def test_what_the_requirements_bring_along_is_pinned_too():
    pinned = {canonicalize_name(requirement.name) for requirement in lines("constraints.txt")}
    wanted = lines("requirements.txt") + lines("requirements-dev.txt")
    own = {canonicalize_name(requirement.name) for requirement in wanted}
    assert sorted(closure(wanted) - pinned - own) == []


def test_no_package_is_pinned_to_two_versions():
    pins = {}
    for name in FILES:
        for requirement in lines(name):
            pins.setdefault(canonicalize_name(requirement.name), set()).add(
                str(requirement.specifier)
            )
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_what_is_installed_is_what_is_pinned():
    for requirement in lines("requirements.txt"):
        if not requirement.marker or requirement.marker.evaluate():
            assert version(requirement.name) in requirement.specifier, requirement


def wheel_file(name):
    try:
        return distribution(name).read_text("WHEEL") or ""
    except PackageNotFoundError:
        return ""


@pytest.mark.slow
def test_what_is_not_pure_python_has_wheels_for_a_raspberry_pi_with_a_later_python():
    """By pip, which builds nothing here; the platforms are those of Debian 12.

    A target takes 11 s of CPU. By hand, on 2026-11-26, requirements.txt was resolved so for Python
    3.12, 3.13 and 3.14 on Linux x86_64 and arm64 and on macOS 11 to 15 with arm64: all have wheels.
    """
    target = {"platform_machine": "aarch64", "python_version": "3.14"}
    own = [r for r in lines("requirements.txt") if not r.marker or r.marker.evaluate(target)]
    pins = {canonicalize_name(r.name): r for r in [*lines("constraints.txt"), *own]}
    names = [n for n in closure(own) if "Root-Is-Purelib: false" in wheel_file(n)]
    assert {"numpy", "onnxruntime", "opencv-python-headless", "pillow"} <= set(names)
    platforms = [f"--platform=manylinux_2_{n}_aarch64" for n in range(17, 37)]
    options = ["--only-binary=:all:", "--python-version=3.14", *platforms]
    command = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--no-deps"]
    command += ["--ignore-installed", "--target=nowhere", *options]
    command += [f"{name}{pins[name].specifier}" for name in names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
