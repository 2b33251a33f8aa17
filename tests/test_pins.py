"""Every package is pinned exactly, those that packages bring along too."""

import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.tags import compatible_tags, cpython_tags, mac_platforms
from packaging.utils import canonicalize_name, parse_wheel_filename

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
    assert sorted(closure(wanted) - pinned - own) == [], "pin these in constraints.txt"


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
        return distribution(name).read_text("WHEEL").lower()
    except PackageNotFoundError:
        return ""


# Wheels for machines that are not here

PYTHONS = ("3.12", "3.13", "3.14")
MANYLINUX = range(36, 16, -1)  # Debian 12, Raspberry Pi OS 12 and all that are newer
MACHINES = {
    ("linux", "x86_64"): tuple(f"manylinux_2_{n}_x86_64" for n in MANYLINUX),
    ("linux", "aarch64"): tuple(f"manylinux_2_{n}_aarch64" for n in MANYLINUX),
    ("darwin", "arm64"): tuple(mac_platforms((15, 0), "arm64")),
}


PIP = """
import sys
from pip._internal.commands import create_command
from pip._internal.index.collector import LinkCollector, parse_links

command = create_command("download")
options, _ = command.parse_args([])
with command._build_session(options) as session:
    collector = LinkCollector.create(session, options)

    def show(page):
        response = collector.fetch_response(page)
        print(*(link.filename for link in parse_links(response)) if response else "", sep="\\n")
        return ()

    for name in sys.argv[1:]:
        for source in collector.collect_sources(name, show).index_urls:
            assert not (source and [*source.page_candidates()])
"""


def wheels_of(names):
    """The (name, version, build, tags) of each wheel of these packages, as pip finds them."""
    command = [sys.executable, "-W", "ignore", "-c", PIP, *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    files = [file for file in done.stdout.split() if file.endswith(".whl")]
    return [parse_wheel_filename(file) for file in files]


@cache
def tags_of(python, platforms):
    version = tuple(map(int, python.split(".")))
    return {*cpython_tags(version, platforms=platforms), *compatible_tags(version, None, platforms)}


@pytest.mark.slow
def test_what_is_not_pure_python_has_wheels_for_a_raspberry_pi_a_pc_and_a_mac():
    """pip asks the index for the names of a package's files, and downloads none of them."""
    pins = {canonicalize_name(r.name): r for r in lines("constraints.txt")}
    pins |= {canonicalize_name(r.name): r for r in lines("requirements.txt")}
    names = [n for n in closure(lines("requirements.txt")) if "purelib: false" in wheel_file(n)]
    assert {"numpy", "onnxruntime", "opencv-python-headless", "pillow"} <= {*names}
    wheels = [wheel for wheel in wheels_of(names) if wheel[1] in pins[wheel[0]].specifier]
    missing = [
        (name, python, *machine)
        for machine, platforms in MACHINES.items()
        for python in PYTHONS
        for name in names
        if is_wanted(pins[name], python, *machine)
        and not any(wheel[0] == name and wheel[3] & tags_of(python, platforms) for wheel in wheels)
    ]
    assert missing == []


def is_wanted(pin, python, system, machine):
    target = {"python_version": python, "sys_platform": system, "platform_machine": machine}
    return not pin.marker or pin.marker.evaluate(target)
