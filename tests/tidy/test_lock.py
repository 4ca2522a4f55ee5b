"""The lock files are in step with pyproject.toml. Nothing here asks the network."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.tidy.sources import ROOT

FULL = ROOT / "requirements.lock"
RUNTIME = ROOT / "requirements-runtime.lock"
REMEDY = "run `make lock`"

PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(\[[^\]]*\])?==([^\s;\\]+)")


class Pin(NamedTuple):
    """One locked distribution."""

    version: Version
    hashes: frozenset[str]


def read_lock(text: str) -> dict[str, Pin]:
    """The pins of a lock file; raises if a line is neither a pin, a hash nor a comment."""
    pins: dict[str, Pin] = {}
    for entry in text.replace("\\\n", " ").splitlines():
        stated = entry.split(" #")[0].strip()
        if not stated or stated.startswith("#"):
            continue
        match = PIN.match(stated)
        assert match, f"not pinned to one version: {stated[:60]!r}; {REMEDY}"
        hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", stated))
        pins[canonicalize_name(match[1])] = Pin(Version(match[3]), hashes)
    return pins


@cache
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def runtime_requirements() -> list[Requirement]:
    return [Requirement(text) for text in pyproject()["project"]["dependencies"]]


def dev_requirements() -> list[Requirement]:
    return [Requirement(text) for text in pyproject()["dependency-groups"]["dev"]]


def unmet(pins: dict[str, Pin], requirements: list[Requirement]) -> list[str]:
    """The requirements that a lock does not satisfy, in words."""
    found = []
    for requirement in requirements:
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None:
            found.append(f"{requirement} is not locked")
        elif not requirement.specifier.contains(pin.version, prereleases=True):
            found.append(f"{requirement} is locked at {pin.version}")
    return found


def closure(roots: list[Requirement]) -> set[str]:
    """Every distribution that these need here, as told by the installed packages themselves."""
    seen: set[tuple[str, str]] = set()
    waiting = [(root.name, extra) for root in roots for extra in ("", *root.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (canonicalize_name(name), extra) in seen:
            continue
        seen.add((canonicalize_name(name), extra))
        try:
            texts = requires(name) or []
        except PackageNotFoundError:
            continue
        for needed in map(Requirement, texts):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed.name, e) for e in ("", *needed.extras)]
    return {name for name, _ in seen}


@pytest.mark.parametrize("lock", [FULL, RUNTIME], ids=lambda path: path.name)
def test_every_pin_has_hashes(lock: Path) -> None:
    bare = [name for name, pin in read_lock(lock.read_text()).items() if not pin.hashes]
    assert not bare, f"{lock.name}: no hash for {bare}; {REMEDY}"


def test_lock_satisfies_pyproject() -> None:
    wrong = unmet(read_lock(FULL.read_text()), runtime_requirements() + dev_requirements())
    assert not wrong, f"{FULL.name}: {wrong}; {REMEDY}"


def test_runtime_lock_satisfies_pyproject() -> None:
    wrong = unmet(read_lock(RUNTIME.read_text()), runtime_requirements())
    assert not wrong, f"{RUNTIME.name}: {wrong}; {REMEDY}"


def test_runtime_lock_is_a_part_of_the_lock() -> None:
    full, runtime = read_lock(FULL.read_text()), read_lock(RUNTIME.read_text())
    other = [name for name, pin in runtime.items() if full.get(name) != pin]
    assert not other, f"{RUNTIME.name} differs from {FULL.name} in {other}; {REMEDY}"


@pytest.mark.parametrize("lock", [FULL, RUNTIME], ids=lambda path: path.name)
def test_lock_is_complete(lock: Path) -> None:
    roots = runtime_requirements() + (dev_requirements() if lock == FULL else [])
    missing = closure(roots) - read_lock(lock.read_text()).keys()
    assert not missing, f"{lock.name}: {sorted(missing)} needed and not locked; {REMEDY}"


def test_production_gets_no_tools() -> None:
    needed = closure(runtime_requirements())
    tools = {canonicalize_name(r.name) for r in dev_requirements()} - needed
    locked = sorted(tools & read_lock(RUNTIME.read_text()).keys())
    assert not locked, f"{RUNTIME.name} holds development tools: {locked}; {REMEDY}"


def test_reading_refuses_what_is_not_pinned() -> None:
    with pytest.raises(AssertionError, match="not pinned"):
        read_lock("fastapi>=0.115 --hash=sha256:" + "0" * 64)


def test_a_dependency_out_of_step_is_found() -> None:
    pins = read_lock("fastapi==0.1 --hash=sha256:" + "0" * 64)
    assert unmet(pins, [Requirement("fastapi>=0.115"), Requirement("attrs")]) == [
        "fastapi>=0.115 is locked at 0.1",
        "attrs is not locked",
    ]
